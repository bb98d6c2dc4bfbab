"""Times are read as people write them, and never as YAML would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.climate.weather import LOCAL
from device_sim.scenario.times import moment, seconds, written


@pytest.mark.parametrize(
    ("text", "span_s"),
    [
        ("00:05", 300), ("10:05", 36_300), ("0:00:07", 7), ("72:00", 259_200), ("90s", 90), ("15m", 900),
        ("36h", 129_600), ("3d", 259_200), ("1d12h", 129_600), ("1.5h", 5400), ("0s", 0), ("2m30s", 150),
    ],
)  # fmt: skip
def test_a_span_in_each_form(text: str, span_s: float) -> None:
    assert seconds(text) == span_s


@pytest.mark.parametrize(
    "text", ["", "5", "605", "00:60", "00:05:60", "-00:05", "5 m", "m", "5 past", "1h1d", "inf", "3w"]
)
def test_what_is_no_span(text: str) -> None:
    assert seconds(text) is None


@given(st.integers(0, 10_000_000))
def test_a_span_is_written_as_it_is_read(span_s: int) -> None:
    if span_s < 9999 * 3600:
        assert seconds(written(span_s)) == span_s


def test_a_moment_is_local() -> None:
    found = moment("2026-01-15 22:00")
    assert found is not None
    assert (found.tzinfo, found.hour, found.minute) == (LOCAL, 22, 0)
    assert moment("2026-01-15") == found.replace(hour=0)
    assert moment("2026-01-15T22:00:30") == found.replace(second=30)
    assert moment("15.1.2026") is None
    assert moment("2026-02-30") is None
