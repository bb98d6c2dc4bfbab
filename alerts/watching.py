"""A rule made ready for devices of one type: where its metrics stand, and the level for each model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catalogue.metrics import METRIC_INDEX
from catalogue.models import MODEL, limit
from catalogue.rules import LevelRule


@dataclass(slots=True)
class Watching:
    """A level rule on one device type."""

    rule: LevelRule
    device_type: str
    lowest: LevelRule
    """The rule at the level that any device of the type may have: what is not beyond it is beyond none."""
    place: int
    minus: int | None
    given: tuple[int, ...]
    _models: dict[str, LevelRule] = field(default_factory=dict)

    def quantity(self, values: Sequence[float | None]) -> float | None:
        """What the rule looks at in a reading, values in the order of the catalogue; None where it was not measured."""
        value = values[self.place]
        if value is None or self.minus is None:
            return value
        other = values[self.minus]
        return None if other is None else value - other

    def looks(self, values: Sequence[float | None]) -> bool:
        """Whether the reading is from a situation that the rule looks at."""
        if not self.given:
            return True
        conditions = self.rule.given.values()
        return all(given.holds(values[place]) for place, given in zip(self.given, conditions, strict=True))

    def at_model(self, model: str) -> LevelRule:
        """The rule with the level that it has on this model."""
        if not self.rule.nameplate:
            return self.rule
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = at_nameplate(self.rule, self.device_type, model)
        return found

    def suspects(self, columns: Mapping[str, int], values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
        """Which readings of a block are beyond the level; None where its metrics are not among the columns."""
        rule = self.rule
        if any(name not in columns for name in rule.needs):
            return None
        quantity = values[:, columns[rule.metric]]
        if rule.minus:
            quantity = quantity - values[:, columns[rule.minus]]
        found = self.lowest.beyond(quantity)
        for name, given in rule.given.items():
            column = values[:, columns[name]]
            found = found & (column >= given.at_least) & (column <= given.at_most)
        return found


def watching(rule: LevelRule, device_type: str) -> Watching:
    """The rule, ready for devices of this type."""
    lowest = rule
    if rule.nameplate:
        on_models = [name for name, model in MODEL.items() if model.type == device_type]
        levels = [at_nameplate(rule, device_type, name) for name in ("", *on_models)]
        lowest = (min if rule.direction == "above" else max)(levels, key=lambda one: one.raise_at)
    return Watching(
        rule,
        device_type,
        lowest,
        METRIC_INDEX[rule.metric],
        METRIC_INDEX[rule.minus] if rule.minus else None,
        tuple(METRIC_INDEX[name] for name in rule.given),
    )


def at_nameplate(rule: LevelRule, device_type: str, model: str) -> LevelRule:
    """The rule at the limit of the model, else of the type; as written where the catalogue has neither."""
    found = limit(rule.metric, device_type, model) if device_type else None
    level = None if found is None else found.at_most if rule.direction == "above" else found.at_least
    if level is None:
        return rule
    return rule.model_copy(update={"raise_at": level, "clear_at": rule.clear_at + level - rule.raise_at})
