"""A claimed notification, on its way from the outbox to a carrier."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from alerts.channels.channel import Message, TemplateName, Way
from alerts.policy.cause import Kind
from foundation.sealing import masked, unseal


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row of the query `claim_notifications`. `found`: the state in which it was claimed."""

    id: int
    found: str
    attempts: int
    way: Way
    template: TemplateName
    language: str
    params: dict[str, str] = field(repr=False)
    body: str = field(repr=False)
    key: str
    created_at: datetime
    accepted_at: datetime | None
    kind: Kind
    carrier_id: str
    address: str | None = field(repr=False)

    def message(self, link: str = "") -> Message:
        """As a channel takes it: only here is a number opened. Raises NumberUnreadable."""
        return Message(
            self._opened, self.template, self.params, self.key, text=self.body, language=self.language, link=link,
            carrier_id=self.carrier_id,
        )  # fmt: skip

    @property
    def masked(self) -> str:
        """Whom it goes to, as a log may say it."""
        return masked(self.address or "") if self.by_phone else self.way

    @property
    def by_phone(self) -> bool:
        """Whether its address is a telephone number, which is kept sealed; such a message has no room for a link."""
        return self.way in ("sms", "voice")

    @property
    def _opened(self) -> str:
        kept = self.address or ""
        return unseal(kept) if self.by_phone else kept
