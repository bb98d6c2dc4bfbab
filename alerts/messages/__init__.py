"""What people are told, in their language: facts in, parameters out, and the whole text for each way. Pure.

A message of a drill says so three times: before the place, before what happened, and in what to do.
"""

from alerts.messages.alarm import cleared, escalated, flapping, help_asked, raised, reopened
from alerts.messages.compose import compose, fields, subject, values
from alerts.messages.digest import digest
from alerts.messages.incident import (
    area_back,
    area_silent,
    clock_right,
    clock_wrong,
    escalation_in_time,
    escalation_late,
    gateway_back,
    gateway_silent,
    model_fault,
    model_fault_over,
    unanswered,
    village_back,
    village_silent,
)
from alerts.messages.kept import Say, kept, say_kept
from alerts.messages.place import Params, Person, Place, local_time

__all__ = [
    "Params",
    "Person",
    "Place",
    "Say",
    "area_back",
    "area_silent",
    "cleared",
    "clock_right",
    "clock_wrong",
    "compose",
    "digest",
    "escalated",
    "escalation_in_time",
    "escalation_late",
    "fields",
    "flapping",
    "gateway_back",
    "gateway_silent",
    "help_asked",
    "kept",
    "local_time",
    "model_fault",
    "model_fault_over",
    "raised",
    "reopened",
    "say_kept",
    "subject",
    "unanswered",
    "values",
    "village_back",
    "village_silent",
]
