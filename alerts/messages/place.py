"""Where and when, and how a drill is marked: what the messages of alarms and incidents have in common. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.channels.aliyun_templates import ANSWERS
from catalogue.language import Language

Params = dict[str, str]
"""place, home, what, since, do; `call` where somebody is to be called; `ack`, `wrong`, `help` where it is answered."""


@dataclass(frozen=True)
class Person:
    """Whom to call in the village. `phone`: for ways that may carry one; no message has it yet."""

    contact_id: int
    name: str
    role: str = ""
    phone: str = field(default="", repr=False)


@dataclass(frozen=True)
class Place:
    """Where a device is, in words that its village knows. Empty where the registry does not say."""

    village: str
    home: str
    uid: str
    drill: bool = False
    """Whether the device is only there for a drill: nothing real has happened."""
    canary: bool = False
    """Whether it is the canary, which is a drill too: the system tries itself out."""
    call: Person | None = None
    """Whom to call in its village."""

    @property
    def call_id(self) -> int | None:
        """The contact whom to call."""
        return self.call.contact_id if self.call is not None else None


def local_time(moment: datetime, zone: str, language: Language) -> str:
    """`11月23日02:15`: as short as a person on a phone needs."""
    local = moment.astimezone(ZoneInfo(zone))
    month_name = language.months[local.month - 1] if language.months else str(local.month)
    return language.phrase("time", month=local.month, month_name=month_name, day=local.day, clock=f"{local:%H:%M}")


def params_of(
    language: Language, place: Place, what: str, since: str, do: str, *, answers: tuple[str, ...] = ()
) -> Params:
    """The parameters; of a drill marked three times: in the place, in what happened, and (by the caller) in do.

    `answers`: which of ack, wrong, help there are. The canary has none: nobody is there to answer.
    """
    village = place.village
    if place.drill:
        mark = language.phrases["canary" if place.canary else "drill"]
        village = language.phrase("marked_place", mark=mark, place=village) if village else mark
        what = language.phrase("marked_what", mark=mark, what=what)
    params = {"place": village, "home": place.home or place.uid, "what": what, "since": since, "do": do}
    if place.call is not None and not place.canary:
        params["call"] = language.phrase("call", name=place.call.name, role=place.call.role).strip()
    return params if place.canary else params | {name: ANSWERS[name] for name in answers}


def in_a_drill(language: Language, place: Place, do: str, *, over: bool = False) -> str:
    """What to do: the advice, unless nothing real has happened.

    A drill never holds the rule's own advice, because a person who only reads the end must not call an ambulance.
    """
    if place.canary:
        return language.phrases["canary_do"]
    if place.drill:
        return language.phrases["drill_over_do" if over else "drill_do"]
    return do
