"""Places for readings without a believable time, also where several workers look for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.clocks import DeviceClocks


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 50)), max_size=60))
def test_no_two_workers_ever_take_the_same_place(workers: int, asked: list[tuple[int, int]]) -> None:
    clocks = [DeviceClocks(index, workers) for index in range(workers)]
    taken = [clocks[worker % workers].place(1, 1_000 + received) for worker, received in asked]
    assert len(set(taken)) == len(taken)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_alone_it_takes_the_first_free_one(received: list[int]) -> None:
    clocks, last = DeviceClocks(), 0
    for at in received:
        place = clocks.place(7, at)
        assert place == max(at, last + 1)
        last = place
