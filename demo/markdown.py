"""Markdown for the pages that are made from the code."""

from __future__ import annotations

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a cell may hold anything but a line break."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """Text that Markdown shows as it stands: without this `<secret>` would be taken for a tag."""
    return text.replace("<", "\\<")


def code(text: str) -> str:
    """A name as it is typed."""
    return f"`{text}`"
