"""Several carriers of one way: who gets a message when one of them is down, will not, or does not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Unknown, Way
from alerts.channels.failover import ASKED_IN_VAIN_FOR, LAST_FOR, Failover

NOW = datetime(2026, 1, 15, 19, tzinfo=UTC)
DOWN = Refused("carrier_unreachable", retryable=True, after_s=5, elsewhere=True)
UNPAID = Refused("account_unpaid", retryable=True, after_s=600, elsewhere=True)
LIMIT = Refused("carrier_limit_day", retryable=True, after_s=3600, elsewhere=True)
WRONG = Refused("number_invalid", retryable=False)
LOST = Unknown("carrier_timeout")
CRITICAL = Message("13800000201", "critical", {}, "k")
ROUTINE = Message("13800000201", "routine", {}, "k")


class Carrier:
    """Answers as the test says; the last answer stays."""

    way: Way = "sms"
    receipts = True
    remembers = True

    def __init__(self, name: str, *answers: Outcome, knows: Receipt | Accepted | Exception | None = None) -> None:
        self.name, self.answers, self.knows, self.asked = name, list(answers), knows, 0

    async def send(self, _message: Message) -> Outcome:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def lookup(self, _message: Message, _sent_at: datetime) -> Receipt | Accepted | None:
        if isinstance(self.knows, Exception):
            raise self.knows
        return self.knows

    async def close(self) -> None:
        return None


class Desk:
    """Two carriers and a clock."""

    def __init__(self, first: Carrier, second: Carrier) -> None:
        self.now, self.first, self.second = NOW, first, second
        self.both = Failover([first, second], lambda: self.now)


async def test_the_first_takes_what_it_can() -> None:
    desk = Desk(Carrier("a", Accepted("1")), Carrier("b", Accepted("2")))
    assert await desk.both.send(CRITICAL) == Accepted("1", carrier="a")
    assert desk.second.asked == 0


@pytest.mark.parametrize("refusal", [DOWN, UNPAID, LIMIT])
async def test_what_the_first_will_not_take_the_second_does_at_once(refusal: Refused) -> None:
    desk = Desk(Carrier("a", refusal), Carrier("b", Accepted("2")))
    for message in (ROUTINE, CRITICAL):
        assert await desk.both.send(message) == Accepted("2", carrier="b")


async def test_what_is_wrong_with_the_message_is_wrong_everywhere() -> None:
    desk = Desk(Carrier("a", WRONG), Carrier("b", Accepted("2")))
    assert await desk.both.send(CRITICAL) == WRONG
    assert desk.second.asked == 0


async def test_a_carrier_that_failed_comes_last_for_a_minute() -> None:
    desk = Desk(Carrier("a", DOWN, Accepted("1")), Carrier("b", Accepted("2")))
    await desk.both.send(ROUTINE)
    assert desk.both.ill() == ["a"]
    assert await desk.both.send(ROUTINE) == Accepted("2", carrier="b")
    assert desk.first.asked == 1
    desk.now += LAST_FOR + timedelta(seconds=1)
    assert await desk.both.send(ROUTINE) == Accepted("1", carrier="a")


async def test_the_quota_of_one_number_says_nothing_of_the_carrier() -> None:
    desk = Desk(Carrier("a", LIMIT), Carrier("b", Accepted("2")))
    await desk.both.send(ROUTINE)
    assert desk.both.ill() == []


async def test_refused_by_all_the_shortest_wait_counts() -> None:
    desk = Desk(Carrier("a", UNPAID), Carrier("b", DOWN))
    assert await desk.both.send(ROUTINE) == DOWN


async def test_what_may_have_been_taken_is_looked_up_first_but_a_critical_one_goes_at_once() -> None:
    desk = Desk(Carrier("a", LOST), Carrier("b", Accepted("2")))
    assert await desk.both.send(ROUTINE) == LOST
    assert desk.second.asked == 0
    desk = Desk(Carrier("a", LOST), Carrier("b", Accepted("2")))
    assert await desk.both.send(CRITICAL) == Accepted("2", carrier="b")
    desk = Desk(Carrier("a", LOST), Carrier("b", DOWN))
    assert await desk.both.send(CRITICAL) == LOST, "nobody knows whether the first has it"


async def test_every_carrier_is_asked_what_became_of_a_message() -> None:
    receipt = Receipt("2", "k", True, "delivered", NOW)
    desk = Desk(Carrier("a", DOWN), Carrier("b", DOWN, knows=receipt))
    assert await desk.both.lookup(ROUTINE, NOW) == receipt
    desk = Desk(Carrier("a", DOWN), Carrier("b", DOWN, knows=Accepted("2")))
    assert await desk.both.lookup(ROUTINE, NOW) == Accepted("2", carrier="b")
    assert await Desk(Carrier("a", DOWN), Carrier("b", DOWN)).both.lookup(ROUTINE, NOW) is None


async def test_a_dead_carrier_does_not_keep_a_message_for_ever() -> None:
    desk = Desk(Carrier("a", LOST, knows=LookupFailed("dead")), Carrier("b", Accepted("2")))
    with pytest.raises(LookupFailed):
        await desk.both.lookup(ROUTINE, NOW)
    desk.now += ASKED_IN_VAIN_FOR + timedelta(seconds=1)
    assert await desk.both.lookup(ROUTINE, NOW) is None
    alone = Failover([desk.first], lambda: desk.now)
    with pytest.raises(LookupFailed):
        await alone.lookup(ROUTINE, NOW)
