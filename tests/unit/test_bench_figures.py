"""The arithmetic of the benchmarks: windows, percentiles, pairs, books, and what /proc says."""

from __future__ import annotations

import json
import os

import pytest

from bench.board import Board, Number
from bench.county import County
from bench.figures import Pair, each_message, middle, percentile
from bench.ingest import Books, Told
from bench.machine import cpu_model, machine
from bench.publisher import Order, room
from bench.usage import busy_seconds, cpu_seconds, memory_kb, tree, usage
from tests.conftest import PROJECT

ORDER = Order("board", 100, 17, window=1_000, ahead=2_000)


@pytest.mark.parametrize(
    ("sent", "acked", "done", "may"),
    [
        (0, 0, 0, True),
        (500, 0, 0, True),
        (501, 0, 0, False),  # 1001 without PUBACK
        (1_500, 1_500, 0, True),
        (1_501, 1_501, 0, False),  # 2001 ahead of the consumer
        (1_501, 1_501, 1, True),
    ],
)
def test_both_windows_hold_a_message_back(sent: int, acked: int, done: int, may: bool) -> None:  # noqa: FBT001
    assert room(ORDER, sent=sent, acked=acked, done=done, upcoming=500) is may


def test_without_a_consumer_only_the_acknowledgements_count() -> None:
    free = Order("board", 100, 17, window=1_000, ahead=0)
    assert room(free, sent=1_000_000, acked=999_500, done=0, upcoming=500)
    assert not room(free, sent=1_000_000, acked=999_499, done=0, upcoming=500)


def test_an_order_arrives_as_it_was_given() -> None:
    assert Order(**json.loads(ORDER.text())) == ORDER


def test_a_board_shows_to_one_what_another_wrote(tmp_path: os.PathLike[str]) -> None:
    path = PROJECT.joinpath(tmp_path, "board")
    with Board(path, fresh=True) as mine:
        other = Board(path)
        mine[Number.PROGRESS] = 7
        assert (other[Number.PROGRESS], other[Number.STOP]) == (7, 0)
        other[Number.ACKED] = 2**40
        assert mine[Number.ACKED] == 2**40
    assert not path.exists()


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 5), (0.51, 6), (0.95, 10), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == value


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


def test_the_ratio_is_the_median_of_the_pairs_ratios() -> None:
    # the machine was half as fast in the second pair: rates differ, ratios do not
    pairs = [Pair(40_000, 300_000, 20_000), Pair(20_000, 150_000, 10_000), Pair(40_000, 200_000, 24_000)]
    assert middle(pairs) == {"throwaway_per_s": 40_000, "durable_per_s": 20_000, "ratio": 0.5, "copy_per_s": 200_000}
    assert pairs[2].as_json() == {
        "throwaway_per_s": 40_000, "copy_per_s": 200_000, "durable_per_s": 24_000, "ratio": 0.6,
    }  # fmt: skip


def test_cpu_is_counted_a_message() -> None:
    assert each_message({"ingest": 1.5, "postgres": 0.75}, 100_000) == {"ingest": 15.0, "postgres": 7.5}


def test_good_books_have_nothing_to_say() -> None:
    assert Books(published=100, stored=100, different=100, redelivered=3).shortcomings() == []


@pytest.mark.parametrize(
    ("books", "said"),
    [
        (Books(published=100, stored=98, different=98), "2 lost"),
        (Books(published=100, stored=101, different=100), "1 readings are in the database twice"),
        (Books(published=100, stored=100, different=100, rejected=4), "4 messages were rejected"),
        (Books(published=100, stored=100, different=100, balanced=False), "the ledger does not balance"),
    ],
)
def test_bad_books_say_what_is_wrong(books: Books, said: str) -> None:
    (line,) = books.shortcomings()
    assert said in line


def test_who_was_not_told_counts_as_injected() -> None:
    assert Told(3, [0.25, 0.5]).as_json("_saturated") == {
        "co_injected_saturated": 3,
        "co_told_saturated": 2,
        "co_latency_ms_p50_saturated": 250.0,
        "co_latency_ms_p99_saturated": 500.0,
    }


def test_each_detector_has_a_village_of_its_own() -> None:
    county = County(devices=30, detectors=20)
    assert county.villages == 40
    assert county.homes >= county.villages
    assert not set(county.detectors_of("background")) & set(county.detectors_of("saturated"))


def test_cpu_time_is_read_behind_a_name_that_holds_anything() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    fields = ["S", "1", *["0"] * 9, str(ticks), str(2 * ticks), str(3 * ticks), str(4 * ticks), "20"]
    assert cpu_seconds(f"42 (a) b (c) {' '.join(fields)}") == 10.0


def test_the_machine_is_busy_when_it_is_neither_idle_nor_waiting() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    counts = [number * ticks for number in (1, 2, 3, 100, 200, 4, 5, 6, 0, 0)]
    assert busy_seconds(f"cpu  {' '.join(map(str, counts))}\ncpu0 1 1 1 1 1 1 1 1 0 0\n") == 21.0


def test_memory_is_read_with_what_is_shared() -> None:
    assert memory_kb("Name:\tx\nVmHWM:\t  2048 kB\nRssShmem:\t 512 kB\n") == (2048, 512)
    assert memory_kb("Name:\tkernel thread\n") == (0, 0)


def test_a_process_that_is_gone_has_cost_nothing() -> None:
    assert usage(2**22 + 1).cpu_s == 0
    assert tree(os.getpid())[0] == os.getpid()
    assert usage(os.getpid()).memory_mb > 1


def test_the_machine_is_described() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: A Processor @ 2 GHz\n") == "A Processor @ 2 GHz"
    assert cpu_model("Hardware: none") == ""
    assert machine({"postgres": "17.5"}).keys() >= {"cores", "cpu", "memory_gb", "kernel", "python", "postgres"}
