"""Reading the catalogue's data files: every row is checked, and a wrong one is named by file, row and field."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from foundation.errors import CatalogueError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,47}$")]


class Row(BaseModel):
    """A row of data with a name of its own. Frozen; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name


R = TypeVar("R", bound=Row)


def load_rows(file: str, kind: type[R]) -> tuple[R, ...]:
    """The rows of `catalogue/data/<file>`, in the file's order.

    Raises CatalogueError that names the file, the row and the field.
    """
    text = files("catalogue").joinpath("data", file).read_text(encoding="utf-8")
    return parse_rows(text, file, kind)


def parse_rows(text: str, file: str, kind: type[R]) -> tuple[R, ...]:
    """The rows in `text`; `file` is only named in errors."""
    try:
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as wrong:
        raise CatalogueError(f"{file}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    if not isinstance(raw, list):
        raise CatalogueError(f"{file}: expected a list of rows", do="start each row with '- '")
    rows: dict[str, R] = {}
    for number, fields in enumerate(raw, start=1):
        try:
            row = kind.model_validate(fields)
        except ValidationError as wrong:
            first = wrong.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise CatalogueError(f"{file}, row {number}, {field}: {first['msg']}", do="mend the row") from None
        if row.name in rows:
            raise CatalogueError(f"{file}, row {number}, name: {row.name!r} stands there twice", do="rename one")
        rows[row.name] = row
    return tuple(rows.values())
