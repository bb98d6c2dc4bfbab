"""The boards' queries as the benchmark sends them: every macro and variable filled, by the boards' own spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.grafana import PanelQuery, Shown, expanded, panel_queries, span_of, step_for
from foundation.errors import ServiceFailed

END = datetime(2026, 1, 15, 4, 0, tzinfo=UTC)
SHOWN = Shown(END, {"county": "'*'", "village": "'v'", "home": "'h'", "device": "'*'"})


def test_every_panel_of_every_board_can_be_asked() -> None:
    queries = list(panel_queries())
    assert len(queries) > 30
    assert len({query.board for query in queries}) == 2
    for query in queries:
        assert "$" not in expanded(query, SHOWN)


def test_macros_become_what_grafana_makes_of_them() -> None:
    query = PanelQuery(
        "b", "p", "select $__timeGroup(t.ts, '$__interval') where $__timeFilter(t.ts) and c = ${county:sqlstring}",
        timedelta(hours=24),
    )  # fmt: skip
    assert expanded(query, SHOWN) == (
        "select time_bucket('120.000s',t.ts)"
        " where t.ts BETWEEN '2026-01-14T04:00:00Z' AND '2026-01-15T04:00:00Z' and c = '*'"
    )


def test_what_is_not_known_is_refused_and_named() -> None:
    with pytest.raises(ServiceFailed, match=r"\$__unixEpochFilter"):
        expanded(PanelQuery("b", "p", "select $__unixEpochFilter(ts)", timedelta(hours=1)), SHOWN)
    with pytest.raises(ServiceFailed, match="yesterday"):
        span_of("yesterday")


@pytest.mark.parametrize(
    ("since", "span", "step"), [("now-15m", 900, 1), ("now-24h", 86_400, 120), ("now-7d", 604_800, 900)]
)
def test_the_interval_follows_from_the_span(since: str, span: int, step: int) -> None:
    assert span_of(since) == timedelta(seconds=span)
    assert step_for(span_of(since)) == step
