"""When ingest counts as not storing: a commit has failed, or nothing moves although something waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from broker.address import Broker
from broker.delivery import Delivery
from catalogue.rules import default_pack
from ingest.clocks import DeviceClocks
from ingest.commit import Counts
from ingest.storing import Storing
from ingest.unstored import STALLED_AFTER_S, Unstored

MESSAGE = Delivery(1, 1, "heat/v1/co-0001/telemetry", b"{}", False, 0)


@dataclass
class Lane:
    """What is seen of one lane's storing."""

    problem: str = ""
    counts: Counts = field(default_factory=Counts)
    waiting: int = 0


def watching(*lanes: Lane) -> Unstored:
    made = Unstored(
        broker=Broker.parse("mqtt://nobody"), client_id="c", name="w", workers=1, pack=default_pack(),
        storing=cast("list[Storing]", list(lanes)), registry=dict[str, Any], clocks=DeviceClocks(),
    )  # fmt: skip
    for progress in made._progress:
        progress.since_s = 0.0
    return made


def test_a_commit_that_failed_counts_at_once() -> None:
    lane = Lane()
    unstored = watching(Lane(), lane)
    assert unstored.why_not_storing(0) == ""
    lane.problem = "the database does not answer"
    assert unstored.why_not_storing(0) == "the database does not answer"
    lane.problem = ""
    assert unstored.why_not_storing(0) == ""


def test_nothing_to_store_is_no_stall() -> None:
    unstored = watching(Lane())
    assert [unstored.why_not_storing(float(second)) for second in range(100)] == [""] * 100


def test_what_waits_and_does_not_move_is_a_stall_after_three_seconds() -> None:
    lane = Lane(waiting=1)
    unstored = watching(lane)
    assert unstored.why_not_storing(STALLED_AFTER_S) == ""
    assert unstored.why_not_storing(STALLED_AFTER_S + 0.1) == "nothing has been stored for 3 s"
    lane.counts = Counts(1, 1)
    assert unstored.why_not_storing(4) == "", "it moves"
    assert unstored.why_not_storing(4 + STALLED_AFTER_S) == ""
    assert unstored.why_not_storing(4.1 + STALLED_AFTER_S) != ""


def test_one_lane_that_moves_does_not_hide_another_that_does_not() -> None:
    readings, events = Lane(waiting=5), Lane(waiting=1)
    unstored = watching(readings, events)
    for second in range(5):
        readings.counts = Counts(second, second)
        said = unstored.why_not_storing(float(second))
    assert said == "nothing has been stored for 4 s"
