"""What a message says of an incident: a village, a gateway, an area, a model's fault, clocks. Pure.

Each takes the facts and gives a `Say`: an incident may be kept for later, and is told to readers of several languages.
`hint` is the Chinese of alerts/cause.py, which languages translate. The channel shortens what is too long for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, ParamSpec

from alerts.messages.kept import Say
from alerts.messages.place import Params, Place, in_a_drill, local_time, params_of
from alerts.messages.words import fault_of, said
from catalogue.language import Language, language_of

Facts = ParamSpec("Facts")


def _in_any_language(build: Callable[Concatenate[Language, Facts], Params]) -> Callable[Facts, Say]:
    def say_of(*args: Facts.args, **more: Facts.kwargs) -> Say:
        return lambda language: build(language_of(language), *args, **more)

    say_of.__doc__ = build.__doc__
    return say_of


@_in_any_language
def village_silent(
    reader: Language,
    village: str,
    homes: int,
    of_homes: int,
    began_at: datetime,
    *,
    zone: str,
    drill: bool = False,
    hint: str = "疑似停电或断网",
) -> Params:
    """The parameters of "this village has fallen silent": one message for all its homes."""
    place = Place(village, "", "", drill)
    do = in_a_drill(reader, place, reader.phrases["village_silent_do"])
    return params_of(reader, place, _silent(reader, hint, homes, of_homes), local_time(began_at, zone, reader), do)


@_in_any_language
def village_back(
    reader: Language, village: str, homes: int, of_homes: int, ended_at: datetime, *, zone: str, drill: bool = False
) -> Params:
    """The parameters of the paired recovery."""
    place = Place(village, "", "", drill)
    what = reader.phrase("back", homes=homes, of_homes=of_homes)
    do = in_a_drill(reader, place, reader.phrases["village_back_do"], over=True)
    return params_of(reader, place, what, local_time(ended_at, zone, reader), do)


@_in_any_language
def gateway_silent(
    reader: Language, village: str, gateway: str, homes: int, of_homes: int, began_at: datetime, *, hint: str, zone: str
) -> Params:
    """The parameters of "what is behind this gateway is silent, the rest of the village reports"."""
    what = _silent(reader, hint, homes, of_homes)
    return _told(reader, village, _gateway(reader, gateway), what, began_at, zone, "gateway_silent_do")


@_in_any_language
def gateway_back(
    reader: Language, village: str, gateway: str, homes: int, of_homes: int, at: datetime, *, zone: str
) -> Params:
    """The paired recovery."""
    what = reader.phrase("back", homes=homes, of_homes=of_homes)
    return _told(reader, village, _gateway(reader, gateway), what, at, zone, "nothing_do")


@_in_any_language
def area_silent(
    reader: Language,
    area: str,
    villages: int,
    homes: int,
    of_homes: int,
    began_at: datetime,
    *,
    hint: str,
    zone: str,
    grown: bool,
) -> Params:
    """One digest for a county: so many villages dark at once."""
    what = _silent(reader, hint, homes, of_homes, phrase="area_grown" if grown else "silent")
    home = reader.phrase("area_home", villages=villages)
    return _told(reader, area, home, what, began_at, zone, "area_silent_do")


@_in_any_language
def area_back(reader: Language, area: str, villages: int, of_villages: int, at: datetime, *, zone: str) -> Params:
    """Its paired recovery."""
    what = reader.phrase("area_back", villages=villages, of_villages=of_villages)
    return _told(
        reader, area, reader.phrase("area_back_home", villages=of_villages), what, at, zone, "area_back_do"
    )  # fmt: skip


@_in_any_language
def model_fault(
    reader: Language, region: str, model: str, fault: str, devices: int, villages: int, began_at: datetime, *, zone: str
) -> Params:
    """The parameters of "the same fault is new on many devices of one model". `fault`: canonical, or a maker's code."""
    what = reader.phrase("model_fault", villages=villages, devices=devices, fault=fault_of(reader, fault))
    return _told(reader, region, _model(reader, model), what, began_at, zone, "model_fault_do")


@_in_any_language
def model_fault_over(
    reader: Language, region: str, model: str, fault: str, devices: int, at: datetime, *, zone: str
) -> Params:
    """Its paired end."""
    what = reader.phrase("model_fault_over", devices=devices, fault=fault_of(reader, fault))
    return _told(reader, region, _model(reader, model), what, at, zone, "model_fault_over_do")


@_in_any_language
def clock_wrong(
    reader: Language, region: str, subject: str, devices: int, began_at: datetime, *, of_gateway: bool, zone: str
) -> Params:
    """The parameters of "the clocks of these are wrong". `subject`: a gateway's uid, or a model."""
    what = reader.phrase("clock_wrong", devices=devices)
    return _told(reader, region, _whose(reader, subject, of_gateway), what, began_at, zone, "clock_wrong_do")


@_in_any_language
def clock_right(
    reader: Language,
    region: str,
    subject: str,
    devices: int,
    of_devices: int,
    at: datetime,
    *,
    of_gateway: bool,
    zone: str,
) -> Params:
    """Its paired end."""
    what = reader.phrase("clock_right", devices=devices, of_devices=of_devices)
    return _told(reader, region, _whose(reader, subject, of_gateway), what, at, zone, "nothing_do")


@_in_any_language
def escalation_late(reader: Language, region: str, late: int, since: datetime, *, zone: str) -> Params:
    """The parameters of "what nobody has answered is not told further": our own fault, told to the top of the tree."""
    what = reader.phrase("escalation_late", late=late)
    return _told(reader, region, reader.phrases["escalation_home"], what, since, zone, "escalation_late_do")


@_in_any_language
def escalation_in_time(reader: Language, region: str, at: datetime, *, zone: str) -> Params:
    """Its paired end."""
    what = reader.phrases["escalation_in_time"]
    return _told(reader, region, reader.phrases["escalation_home"], what, at, zone, "escalation_in_time_do")


def unanswered(say: Say, minutes: int) -> Say:
    """The same once more, to those who hear of it next: nobody has answered for so many minutes."""

    def again(language: str) -> Params:
        told = say(language)
        return told | {"what": language_of(language).phrase("unanswered", minutes=minutes, what=told["what"])}

    return again


def _silent(reader: Language, hint: str, homes: int, of_homes: int, *, phrase: str = "silent") -> str:
    return reader.phrase(phrase, hint=said(reader, hint), homes=homes, of_homes=of_homes)


def _gateway(reader: Language, uid: str) -> str:
    return reader.phrase("gateway", name=uid)


def _model(reader: Language, model: str) -> str:
    return reader.phrase("model", name=model)


def _whose(reader: Language, subject: str, of_gateway: bool) -> str:  # noqa: FBT001 (a fact, not a switch)
    return _gateway(reader, subject) if of_gateway else _model(reader, subject)


def _told(reader: Language, place: str, home: str, what: str, at: datetime, zone: str, do: str) -> Params:
    return params_of(reader, Place(place, home, ""), what, local_time(at, zone, reader), reader.phrases[do])
