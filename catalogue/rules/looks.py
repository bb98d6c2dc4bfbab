"""Rules that are judged over hours from what is stored, by the alerts process: stuck, share, forecast."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from catalogue.metrics import METRIC
from catalogue.region_parameters import PARAMETER
from catalogue.rules.levels import Given
from catalogue.rules.rule import Rule, Seconds

QUARTER_S = 900
"""What is looked at is kept by the quarter of an hour (`telemetry_15m`)."""
Hours = Annotated[Seconds, Field(ge=2 * QUARTER_S, le=7 * 86_400, multiple_of=QUARTER_S)]
"""A time that is looked back over, in seconds: whole quarters of an hour."""


class LookRule(Rule):
    """Judged over hours: never within seconds, and not without the database."""

    @model_validator(mode="after")
    def _needs_the_database(self) -> Self:
        if self.life_safety:
            raise ValueError("what is judged over hours is in the database: it cannot be life_safety")
        if self.hours is not None:
            raise ValueError("what is judged over hours has no hours of the day; a season it may have")
        return self


class StuckRule(LookRule):
    """`metric` has been one and the same value, to the last digit, for `over_s`.

    Not where that value is one of `except_values`, where the quantity rests; nor unless the device's averages over the
    same time are as `given_avg` says, which is how "while the heater runs" is said. Normal again when it changes.
    """

    kind: Literal["stuck"]
    metric: str
    over_s: Hours
    except_values: tuple[FiniteFloat, ...] = ()
    given_avg: dict[str, Given] = Field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """The metrics that it looks at, its own first."""
        return (self.metric, *self.given_avg)

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        _refuse_unknown(self.needs)
        if METRIC[self.metric].kind != "measure":
            raise ValueError(f"{self.metric} is a {METRIC[self.metric].kind}: only a measure is stuck")
        for name in self.given_avg:
            if METRIC[name].kind == "counter":
                raise ValueError(f"{name} is a counter and has no average")
        return self


class ShareRule(LookRule):
    """In `share` or more of the last `over_s` the average of a quarter of an hour was beyond the level.

    Raised only while it is beyond it still, normal again at `clear_share`. The level is `level`, or what the nearest
    region says in its `parameter`. Homes where nobody lives are looked at only with `vacant_homes`.
    """

    kind: Literal["share"]
    metric: str
    direction: Literal["above", "below"]
    level: FiniteFloat
    parameter: str = ""
    over_s: Hours
    share: float = Field(gt=0, le=1)
    clear_share: float = Field(ge=0, lt=1)
    vacant_homes: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The metrics that it looks at."""
        return (self.metric,)

    def beyond(self, value: float, level: float) -> bool:
        """Whether a quarter's average counts."""
        return value >= level if self.direction == "above" else value < level

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _refuse_unknown(self.needs)
        if METRIC[self.metric].kind == "counter":
            raise ValueError(f"{self.metric} is a counter and has no average")
        if self.parameter and self.parameter not in PARAMETER:
            raise ValueError(f"unknown parameter {self.parameter!r}; there are {', '.join(PARAMETER)}")
        if self.clear_share >= self.share:
            raise ValueError("clear_share must lie below share")
        return self


class ForecastRule(LookRule):
    """A home none of whose heaters is heard cools to `level_c` within `hours_left`, as its walls and the weather say.

    Not before they have been silent for `silent_for_s`: most silences are the network's, and end soon. Normal again
    when a heater is heard, or when more than `clear_hours_left` are left. `assume_c` is taken as the room's temperature
    where nothing in the home has measured it of late. A device counts as silent when a rule on silence says so.
    """

    kind: Literal["forecast"]
    level_c: FiniteFloat
    hours_left: float = Field(gt=0, le=168)
    clear_hours_left: float = Field(gt=0, le=336)
    assume_c: FiniteFloat
    silent_for_s: Seconds

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.clear_hours_left < self.hours_left:
            raise ValueError("clear_hours_left must not lie below hours_left")
        return self


def _refuse_unknown(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in METRIC:
            raise ValueError(f"unknown metric {name!r}")
    if len(set(names)) != len(names):
        raise ValueError(f"{names[0]} stands twice in it")
