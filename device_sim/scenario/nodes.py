"""YAML as nodes with their lines: every value is read as text, and what is wrong with it is noted where it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import yaml

from device_sim.scenario.mistakes import Mistakes, nearest
from device_sim.scenario.times import SPAN_FORM, seconds

_TRUTH: Final = {"true": True, "yes": True, "false": False, "no": False}
_MOST_SHOWN: Final = 60


def compose(text: str, mistakes: Mistakes) -> yaml.MappingNode | None:
    """The mapping that `text` holds; None, and a mistake, where it holds none."""
    try:
        # in Python: libyaml's C code crashes on a hundred thousand brackets
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        line = min(mark.line + 1 if mark else 1, max(len(text.splitlines()), 1))
        problem = " ".join((wrong.problem or "it cannot be read").split())
        mistakes.add(line, f"no YAML ({problem}); expected `field: value` lines")
    except yaml.YAMLError as wrong:
        mistakes.add(1, f"no YAML ({' '.join(str(wrong).split())}); expected text")
    except RecursionError:
        mistakes.add(1, "nested far too deeply; expected `field: value` lines")
    else:
        if isinstance(root, yaml.MappingNode):
            return root
        mistakes.add(1 if root is None else line_of(root), "no fields; expected `name: …`, `lasts: …`, `timeline: …`")
    return None


def line_of(node: yaml.Node) -> int:
    """Where a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def shown(node: yaml.Node) -> str:
    """What stands there, for a message on one line."""
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "fields"
    text = " ".join(str(node.value).split())
    if not text:
        return "nothing"
    return f"'{text[:_MOST_SHOWN]}…'" if len(text) > _MOST_SHOWN else f"'{text}'"


class Fields:
    """The fields of one mapping. Whatever cannot be read is noted and gives None, or what is said to stand for it.

    `about` names the mapping in messages. Fields that are not `known` are mistakes.
    """

    def __init__(self, node: yaml.Node, about: str, known: Sequence[str], mistakes: Mistakes) -> None:
        self.line = line_of(node)
        self._about, self._mistakes = about, mistakes
        self._nodes: dict[str, yaml.Node] = {}
        if not isinstance(node, yaml.MappingNode):
            mistakes.add(self.line, f"{about} is {shown(node)}; expected fields: {', '.join(known)}")
            return
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                mistakes.add(line_of(key), f"{about} has no field {shown(key)}; expected {nearest(name, known)}")
            elif name in self._nodes:
                mistakes.add(line_of(key), f"'{name}' stands twice in {about}; expected it once")
            else:
                self._nodes[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def node(self, name: str) -> yaml.Node | None:
        """What stands in a field."""
        return self._nodes.get(name)

    def line_of(self, name: str) -> int:
        """Where a field's value stands, or the mapping where there is no such field."""
        node = self._nodes.get(name)
        return self.line if node is None else line_of(node)

    def wrong(self, name: str, text: str) -> None:
        """Note a mistake in a field."""
        self._mistakes.add(self.line_of(name), text)

    def text(self, name: str, *, needed: bool = False) -> str | None:
        """A field's text, on one line."""
        node = self._nodes.get(name)
        if node is None:
            if needed:
                self.wrong(name, f"{self._about} has no '{name}'; expected one")
            return None
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            self.wrong(name, f"{name} is {shown(node)}; expected text")
            return None
        return " ".join(str(node.value).split())

    def number(self, name: str, low: float, high: float, unit: str = "") -> float | None:
        """A field's number between `low` and `high`."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            unit = f" ({unit})" if unit not in {"", "-"} else ""
            self.wrong(name, f"{name} is '{text[:_MOST_SHOWN]}'; expected a number from {low:g} to {high:g}{unit}")
            return None
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A field's whole number between `low` and `high`."""
        text = self.text(name)
        if text is None:
            return None
        value = int(text) if text.lstrip("-").isdecimal() and text.isascii() and len(text) <= len(str(high)) else None
        if value is None or not low <= value <= high:
            self.wrong(name, f"{name} is '{text[:_MOST_SHOWN]}'; expected a whole number from {low} to {high}")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        """A field's true or false."""
        text = self.text(name)
        if text is None:
            return None
        if text not in _TRUTH:
            self.wrong(name, f"{name} is '{text[:_MOST_SHOWN]}'; expected true or false")
        return _TRUTH.get(text)

    def span(self, name: str, *, needed: bool = False) -> float | None:
        """A field's time in seconds."""
        text = self.text(name, needed=needed)
        if text is None:
            return None
        value = seconds(text)
        if value is None:
            self.wrong(name, f"{name} is '{text[:_MOST_SHOWN]}', which is no time; expected {SPAN_FORM}")
        return value

    def one_of(self, name: str, known: Sequence[str]) -> str | None:
        """A field's word out of `known`."""
        text = self.text(name)
        if text is None:
            return None
        if text not in known:
            self.wrong(name, f"unknown {name} '{text[:_MOST_SHOWN]}'; expected {nearest(text, known)}")
            return None
        return text

    def some_of(self, name: str, known: Sequence[str], *, what: str = "") -> tuple[str, ...]:
        """A field's words out of `known`: one, or a list of them; () where there is no such field."""
        node = self._nodes.get(name)
        if node is None:
            return ()
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        words = []
        for part in parts:
            word = str(part.value).strip() if isinstance(part, yaml.ScalarNode) else ""
            if word in known:
                words.append(word)
            else:
                near = nearest(word, known) if word and known else f"{what or name}, or a list of them"
                self._mistakes.add(line_of(part), f"unknown {what or name} {shown(part)}; expected {near}")
        if not parts:
            self.wrong(name, f"{name} is an empty list; expected {what or name}")
        return tuple(words)

    def inner(self, name: str, known: Sequence[str]) -> Fields | None:
        """A field that has fields of its own."""
        node = self._nodes.get(name)
        return None if node is None else Fields(node, name, known, self._mistakes)

    def items(self, name: str) -> list[yaml.Node]:
        """A field's list; empty where there is none."""
        node = self._nodes.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(name, f"{name} is {shown(node)}; expected a list, each line beginning with '- '")
            return []
        return list(node.value)
