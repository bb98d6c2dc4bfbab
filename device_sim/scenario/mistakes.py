"""What is wrong with a scenario's file: collected, so that one look at the message is enough to mend all of it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from foundation.errors import ScenarioError

_FEW: Final = 6


class Mistakes:
    """The mistakes of one file: where they are, what is wrong and what was expected."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: int, text: str) -> None:
        """Note a mistake in line `line`, counted from 1; the same one is noted once."""
        if (line, text) not in self._found:
            self._found.append((line, text))

    def raise_any(self) -> None:
        """Raises ScenarioError with a line `file:line: …` for each mistake, ordered by line; nothing without any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise ScenarioError("\n".join(f"{self.file}:{line}: {text}" for line, text in ordered))


def nearest(name: str, known: Iterable[str]) -> str:
    """What to expect where a name is not known: all known ones if they are few, else those that look like it."""
    names = list(known)
    if len(names) <= _FEW:
        return f"one of {', '.join(names)}"
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return " or ".join(close) if close else f"a name such as {', '.join(names[:3])}"
