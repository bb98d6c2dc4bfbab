"""Reading the catalogue's data files: every row is checked, and a wrong one is named by file, row and field."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from foundation.errors import CatalogueError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,47}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
"""Words for people; never left empty."""


class Record(BaseModel):
    """A row of data. Frozen; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Record):
    """A row of data with a name of its own."""

    name: Name


R = TypeVar("R", bound=Row)
Kept = TypeVar("Kept", bound=Record)


def read_data(file: str) -> str:
    """The text of `catalogue/data/<file>`."""
    return files("catalogue").joinpath("data", file).read_text(encoding="utf-8")


def load_rows(file: str, kind: type[R]) -> tuple[R, ...]:
    """The rows of `catalogue/data/<file>`, in the file's order.

    Raises CatalogueError that names the file, the row and the field.
    """
    return parse_rows(read_data(file), file, kind)


def parse_rows(text: str, file: str, kind: type[R]) -> tuple[R, ...]:
    """The rows in `text`, no two of one name; `file` is only named in errors."""
    seen: set[str] = set()
    rows = parse_records(text, file, kind)
    for number, row in enumerate(rows, start=1):
        if row.name in seen:
            raise CatalogueError(f"{file}, row {number}, name: {row.name!r} stands there twice", do="rename one")
        seen.add(row.name)
    return rows


def parse_records(text: str, file: str, kind: type[Kept]) -> tuple[Kept, ...]:
    """The rows in `text`, whatever tells them apart; `file` is only named in errors."""
    try:
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as wrong:
        raise CatalogueError(f"{file}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    if not isinstance(raw, list):
        raise CatalogueError(f"{file}: expected a list of rows", do="start each row with '- '")
    rows = []
    for number, fields in enumerate(raw, start=1):
        try:
            rows.append(kind.model_validate(fields))
        except ValidationError as wrong:
            first = wrong.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise CatalogueError(f"{file}, row {number}, {field}: {first['msg']}", do="mend the row") from None
    return tuple(rows)
