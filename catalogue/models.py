"""Models: what stands on a device's nameplate, rows of data/models.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat, StringConstraints, model_validator

from catalogue.device_types import COMMON_LIMITS, DEVICE_TYPE, DeviceType
from catalogue.limits import Limit, misplaced
from catalogue.rows import Row, Text, load_rows

ModelName = Annotated[str, StringConstraints(pattern=r"^\S(.{0,62}\S)?$")]
"""As makers write it and as `device.model` has it: any script, no space at either end, at most 64 characters."""
Vendor = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,31}$")]
Watts = Annotated[FiniteFloat, Field(gt=0)]


class Model(Row):
    """A model of a maker. `name` is what `device.model` holds; one name, one model.

    `rated_w` is the electric power on its nameplate, `rated_heat_w` the heat that it gives; `limits` how high a metric
    may go on this model, where its maker says so (the type's own limit counts elsewhere).
    """

    name: ModelName
    vendor: Vendor
    type: str
    rated_w: Watts | None = None
    rated_heat_w: Watts | None = None
    limits: dict[str, FiniteFloat] = Field(default_factory=dict)
    source: Text

    @property
    def own_limits(self) -> dict[str, Limit]:
        """The nameplate's limits in the form that types have theirs in; a lower end stays the type's."""
        usual = DEVICE_TYPE[self.type].limits
        return {
            name: Limit(
                at_least=usual[name].at_least if name in usual else None,
                at_most=at_most,
                source=f"nameplate of {self.name}: {self.source}",
            )
            for name, at_most in self.limits.items()
        }

    @model_validator(mode="after")
    def _of_a_known_type(self) -> Model:
        if self.type not in DEVICE_TYPE:
            raise ValueError(f"unknown device type {self.type!r}")
        wrong = misplaced(self.own_limits, DEVICE_TYPE[self.type].all_metrics)
        if wrong:
            raise ValueError(f"limits: {wrong}")
        return self


MODELS: tuple[Model, ...] = load_rows("models.yaml", Model)
MODEL: dict[str, Model] = {model.name: model for model in MODELS}


def limit(metric: str, device_type: str, model: str = "") -> Limit | None:
    """How far `metric` may go on such a device: the nameplate's limit, else the type's, else every device's.

    A model that the catalogue does not know, or knows as another type, is judged by its type.
    """
    known = MODEL.get(model)
    if known is not None and known.type == device_type and metric in known.limits:
        return known.own_limits[metric]
    kind: DeviceType = DEVICE_TYPE[device_type]
    return kind.limits.get(metric) or COMMON_LIMITS.get(metric)
