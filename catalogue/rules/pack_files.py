"""Rule packs in files: YAML whose every error names the file, the line and the field, and packs built upon others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from catalogue.rules.pack import KINDS, AnyRule, RulePack
from foundation.errors import CatalogueError
from foundation.settings import settings

_PACKS: Final = files("catalogue").joinpath("packs")
Find = Callable[[str], RulePack]
"""A pack by the name under which another one extends it. Raises CatalogueError where there is none."""


class _PackFile(BaseModel):
    """A file: a pack of its own, or what it has besides and instead of the pack that it `extends`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str
    version: int
    extends: str = ""
    without: tuple[str, ...] = ()
    rules: tuple[AnyRule, ...]


def parse_pack(text: str, file: str, find: Find | None = None) -> RulePack:
    """The pack in `text`. `find` gives what it may extend; without: the shipped packs.

    A rule with the id of one below replaces it, in its place. Raises CatalogueError that names the file, the line, the
    rule and the field.
    """
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as wrong:
        raise CatalogueError(f"{file}: {' '.join(str(wrong).split())}", do="mend the YAML") from None
    lines = _Lines(file, node)
    _place_rules(raw, lines)
    try:
        own = _PackFile.model_validate(raw)
        if own.extends:
            return _upon((find or shipped_pack)(own.extends), own, lines)
        if own.without:
            raise CatalogueError(
                f"{lines.at('without')}, without: nothing is extended", do="give extends, or leave it out"
            )
        return _sound(RulePack(pack=own.pack, version=own.version, rules=own.rules), own)
    except ValidationError as wrong:
        raise _named(wrong, raw, lines) from None


def read_pack(file: Path) -> RulePack:
    """The pack in `file`; it may extend a shipped one or, by its name, a file beside it.

    Raises CatalogueError that names the file, the line, the rule and the field.
    """
    return _read(file, ())


def _read(file: Path, above: tuple[Path, ...]) -> RulePack:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise CatalogueError(f"cannot read {file}: {reason}", do="give a YAML file in UTF-8") from None

    def find(name: str) -> RulePack:
        beside = file.parent / name
        if beside.suffix not in {".yaml", ".yml"}:
            return shipped_pack(name)
        if beside.resolve() in {one.resolve() for one in (*above, file)}:
            raise CatalogueError(f"{file.name}: {name} extends itself in the end", do="mend one of the two")
        return _read(beside, (*above, file))

    return parse_pack(text, file.name, find)


def shipped_packs() -> tuple[str, ...]:
    """The names of the packs that come with the program."""
    return tuple(sorted(one.name.removesuffix(".yaml") for one in _PACKS.iterdir() if one.name.endswith(".yaml")))


@lru_cache(maxsize=8)
def shipped_pack(name: str) -> RulePack:
    """A pack that comes with the program. Raises CatalogueError where it has none of that name."""
    if name not in shipped_packs():
        raise CatalogueError(f"there is no rule pack {name!r}", do=f"one of {', '.join(shipped_packs())}, or a file")
    return parse_pack(_PACKS.joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def default_pack() -> RulePack:
    """The rules that a deployment starts with."""
    return shipped_pack("default")


def pack_in_force() -> RulePack:
    """The rules of this deployment (`NUANSHAO_RULE_PACK`). Raises CatalogueError where that is none."""
    return named_pack(settings().rule_pack)


@lru_cache(maxsize=8)
def named_pack(name: str) -> RulePack:
    """A shipped pack by its name, or one in a file by its path. Raises CatalogueError where there is none."""
    if name in shipped_packs() or not (Path(name).suffix or Path(name).exists()):
        return shipped_pack(name)
    return read_pack(Path(name))


@dataclass(frozen=True)
class _Lines:
    """Where things stand in a file."""

    file: str
    root: yaml.Node | None

    def at(self, *place: str | int) -> str:
        """`file:line` of a place, or of the closest thing around it that stands in the file."""
        node, line = self.root, self.root.start_mark.line if self.root is not None else 0
        for step in place:
            child, found = _step(node, step)
            if found is None:
                break
            node, line = child, found.line
        return f"{self.file}:{line + 1}"


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Mark | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child: yaml.Node = node.value[step]
        return child, child.start_mark
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.value == step:
                return child, key.start_mark
    return node, None


def _place_rules(raw: Any, lines: _Lines) -> None:
    """Each rule carries where it stands, as its alarms will; a row cannot say that itself."""
    for number, row in enumerate(_rows(raw)):
        if isinstance(row, dict):
            if "stands_at" in row:
                place = lines.at("rules", number, "stands_at")
                raise CatalogueError(f"{place}, stands_at: this is found out, not said", do="leave it out")
            row["stands_at"] = lines.at("rules", number)


def _rows(raw: Any) -> Iterator[Any]:
    rows = raw.get("rules") if isinstance(raw, dict) else None
    yield from rows if isinstance(rows, list) else ()


def _upon(base: RulePack, own: _PackFile, lines: _Lines) -> RulePack:
    known = {rule.id for rule in base.rules}
    for number, rule_id in enumerate(own.without):
        if rule_id not in known:
            place = lines.at("without", number)
            raise CatalogueError(f"{place}, without: {base.label} has no rule {rule_id!r}", do="leave it out")
    # checked as a pack of its own: what stands twice must be said before one covers the other
    mine = dict(RulePack(pack=own.pack, version=own.version, rules=own.rules).by_id)
    kept = [mine.pop(rule.id, rule) for rule in base.rules if rule.id not in own.without]
    return _sound(RulePack(pack=own.pack, version=own.version, rules=(*kept, *mine.values())), own, known)


def _sound(pack: RulePack, own: _PackFile, known: Collection[str] = ()) -> RulePack:
    """The pack, if its file's own rules name rules that there are; one that was left out on purpose is no mistake."""
    for rule in own.rules:
        for other in rule.covered_by:
            if other not in pack.by_id and other not in known:
                raise CatalogueError(
                    f"{rule.stands_at}, rule {rule.id}, covered_by: there is no rule {other!r}", do="mend the pack"
                )
    return pack


def _named(wrong: ValidationError, raw: Any, lines: _Lines) -> CatalogueError:
    first = wrong.errors()[0]
    place = first["loc"]
    rule, steps = "", place
    if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
        row, steps = raw["rules"][place[1]], place[2:]
        if steps and steps[0] in KINDS:  # pydantic also names the kind on its way, which is no place in the file
            steps = steps[1:]
        rule = f", rule {row.get('id', place[1] + 1) if isinstance(row, dict) else place[1] + 1}"
        place = (*place[:2], *steps)
    field = ".".join(map(str, steps))
    return CatalogueError(
        f"{lines.at(*place)}{rule}{', ' + field if field else ''}: {first['msg']}", do="mend the pack"
    )
