"""Read apt's own configuration for the Debian mirror that this host already uses.

Understands one-line `.list` entries and deb822 `.sources` stanzas (sources.list(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEBIAN_SUITES = frozenset(
    [
        "buster",
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "stable",
        "oldstable",
        "oldoldstable",
        "testing",
        "unstable",
    ]
)
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?:\s+(?P<components>.*))?")


@dataclass(frozen=True, slots=True)
class Source:
    """One enabled `deb` entry: where, which suites and components, signed by whom."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def parse_list(text: str) -> Iterator[Source]:
    """The enabled binary entries of a one-line `.list` file."""
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found:
            options = {
                key.lower(): value for key, _, value in (o.partition("=") for o in (found["options"] or "").split())
            }
            components = tuple((found["components"] or "").split())
            yield Source(found["uri"], (found["suite"],), components, options.get("signed-by", ""))


def parse_deb822(text: str) -> Iterator[Source]:
    """The enabled binary entries of a deb822 `.sources` file; a stanza with several addresses gives several."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        off = fields.get("enabled", "yes").strip().lower() in {"no", "false", "0", "off", "disable", "without"}
        if off or "deb" not in fields.get("types", "").split():
            continue
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            yield Source(uri, suites, components, fields.get("signed-by", "").strip())


def read_sources(etc_apt: Path) -> list[Source]:
    """Every enabled source below `etc_apt` (usually /etc/apt); files that we may not read are left out."""
    files = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]
    found: list[Source] = []
    for file in files:
        parse = {".list": parse_list, ".sources": parse_deb822}.get(file.suffix)
        if parse is None:
            continue
        try:
            found.extend(parse(file.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return found


def debian_mirror(sources: Iterable[Source]) -> str | None:
    """The address of the Debian archive that the host uses, or None (an Ubuntu host, an offline image).

    Other vendors also publish for Debian's suites, so the archive is recognised by its "main" component and
    preferred where its -updates suite stands at the same address or Debian's keyring is named.
    """
    marks: dict[str, int] = {}
    for source in sources:
        roots = {suite.rstrip("/").partition("-")[0].partition("/")[0] for suite in source.suites}
        security = any(suite.endswith(("-security", "/updates")) for suite in source.suites)
        usable = not source.uri.startswith("cdrom:") and "main" in source.components and not security
        if not usable or not roots & DEBIAN_SUITES:
            continue
        updates = any(suite.endswith(("-updates", "-backports")) for suite in source.suites)
        keyring = "debian-archive" in source.signed_by
        marks[source.uri] = marks.get(source.uri, 0) + 1 + 4 * updates + 2 * keyring
    return max(marks, key=lambda uri: marks[uri]) if marks else None


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and key:
            fields[key] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            fields[key] = value.strip()
    return fields
