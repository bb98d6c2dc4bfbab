"""A letter: one message to one person that is told without the database, from intent to outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from alerts import messages
from alerts.channels.aliyun_templates import approved_codes, frame_of
from alerts.channels.channel import Message, TemplateName
from alerts.condition import State
from alerts.delivery import LOOKUP_AFTER, Retry, Sent
from alerts.policy.verdict import End
from catalogue.language import SOURCE
from catalogue.rules import Rule
from foundation.sealing import unseal
from foundation.settings import settings

_TEMPLATE: Final[TemplateName] = "critical"
"""Life-safety rules are critical ones, and drills are not told this way."""
KEPT_FOR: Final = timedelta(days=7)
"""How long a letter is kept after it has ended, without its number."""

LetterState = Literal["waiting", "sending", "accepted", "failed"]


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is told. `phone` is sealed (foundation/sealing.py), here and in a letter."""

    id: int
    phone: str = field(repr=False)
    language: str = SOURCE


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one contact. `key` makes a repetition recognisable to the carrier.

    `sending`: handed over, or about to be, and not known how that ended: it is looked up before it is sent again.
    `recorded`: it stands in the database.
    """

    key: str
    device_id: int
    rule: str
    contact_id: int
    phone: str = field(repr=False)
    params: dict[str, str]
    body: str
    measured_at: datetime
    created_at: datetime
    next_at: datetime
    state: LetterState = "waiting"
    reason: str = ""
    attempts: int = 0
    told_at: datetime | None = None
    carrier_id: str = ""
    recorded: bool = False
    language: str = SOURCE

    @property
    def open(self) -> bool:
        """Whether it has no end yet."""
        return self.state in {"waiting", "sending"}

    @property
    def about(self) -> tuple[int, str, int]:
        """Which device, which rule, to whom."""
        return self.device_id, self.rule, self.contact_id

    @property
    def message(self) -> Message:
        """As the channel takes it: only here is the number opened. Raises NumberUnreadable."""
        return Message(unseal(self.phone), _TEMPLATE, self.params, self.key, self.body, self.language)

    def begun(self, now: datetime) -> Letter:
        """As it is written down before it is handed over."""
        return replace(
            self, state="sending", attempts=self.attempts + 1, next_at=now + LOOKUP_AFTER[_TEMPLATE], reason=""
        )

    def after(self, step: Sent | Retry | End, now: datetime) -> Letter:
        """What the carrier's answer makes of it."""
        match step:
            case Sent(carrier_id):
                return replace(
                    self, state="accepted", told_at=self.told_at or now, carrier_id=carrier_id or self.carrier_id
                )
            case Retry(at, reason, look_up):
                return replace(self, state="sending" if look_up else "waiting", next_at=at, reason=reason)
            case End("delivered", reason):
                return replace(self, state="accepted", told_at=self.told_at or now, reason=reason)
            case End(_, reason):
                return replace(self, state="failed", reason=reason)

    def in_the_database(self) -> Letter:
        """It stands there now; its number is needed here no more."""
        return replace(self, recorded=True, phone="")


def letters(
    mark: str,
    rule: Rule,
    device_id: int,
    place: messages.Place,
    state: State,
    contacts: Iterable[Contact],
    now: datetime,
    zone: str,
) -> list[Letter]:
    """One to each contact, worded as alerts/outbox.py would. `mark`: this deployment's, in front of the keys."""
    measured_at = state.raised_at or state.since
    value = None if state.late else state.last_value
    codes = approved_codes(settings())
    occasion = f"{mark}-standby-{device_id}-{rule.id}-{int(measured_at.timestamp() * 1000)}"

    def to(contact: Contact) -> Letter:
        said = messages.raised(rule, place, value, measured_at, late=state.late, zone=zone, language=contact.language)
        frame = frame_of(codes, contact.language, _TEMPLATE)
        body = messages.compose("sms", _TEMPLATE, contact.language, said, frame=frame)
        return Letter(
            f"{occasion}-{contact.id}", device_id, rule.id, contact.id, contact.phone,
            messages.values("sms", contact.language, said), body, measured_at, now, now, language=contact.language,
        )  # fmt: skip

    return [to(contact) for contact in contacts]
