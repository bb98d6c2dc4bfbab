"""Recordings: ours and other people's, in order of time, with every row that cannot be read named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.runs.recorded import Contents, Group, Refused, Row, Unreadable, in_window, merged
from device_sim.runs.recording import open_recording
from device_sim.runs.replay import Moments, choose_shift, our_login, payload, too_old
from foundation.errors import NotFound, SettingsError

MAP = """
uid: {column: 表号, prefix: hlj-}
type: air_source_heat_pump
ts: {column: 时间, format: "%Y/%m/%d %H:%M:%S"}
seq: n
metrics:
  flow_c: {column: 供水温度, scale: 0.1}
  power_w: {column: kW, scale: 1000}
"""
CSV = """表号,时间,n,供水温度,kW,备注
A001,2026/01/15 08:00:00,1,412,1.25,ok
A002,2026/01/15 08:00:05,1,-,0.9,ok
A001,15.01.2026 08:01,2,413,1.3,ok
,2026/01/15 08:01:05,2,400,1.0,ok
A001,2026/01/15 08:02:00,3,hot,1.3,ok
A001,2026/01/15 08:03:00,4,-,-,ok
A001,2026/01/15 08:04:00,5,415
A001,2026/01/15 07:59:00,0,411,1.2,late in the file
"""
EIGHT = int(datetime(2026, 1, 15, 0, 0, tzinfo=UTC).timestamp() * 1000)


def row(ts_ms: int, uid: str = "dev-1") -> Row:
    return Row(ts_ms, uid, {"co_ppm": 1.0})


def put(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_text(text, encoding=encoding)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_foreign_csv_by_its_map(tmp_path: Path, encoding: str) -> None:
    file = put(tmp_path, "theirs.csv", CSV, encoding)
    recording = open_recording(file, put(tmp_path, "map.yaml", MAP + f"encoding: {encoding}\n"))
    contents = recording.contents()
    assert contents.devices == {"hlj-a001": ("air_source_heat_pump", None), "hlj-a002": ("air_source_heat_pump", None)}
    assert (contents.first_ms, contents.last_ms) == (EIGHT - 60_000, EIGHT + 180_000)
    rows = list(recording.rows())
    assert [(one.ts_ms - EIGHT, one.uid, one.seq, one.metrics) for one in rows] == [
        (-60_000, "hlj-a001", 0, {"flow_c": 41.1, "power_w": 1200.0}),
        (0, "hlj-a001", 1, {"flow_c": 41.2, "power_w": 1250.0}),
        (5_000, "hlj-a002", 1, {"power_w": 900.0}),
    ]
    assert recording.refused.many == 5
    assert recording.refused.first == [
        "row 4, 时间: '15.01.2026 08:01' is no time as %Y/%m/%d %H:%M:%S",
        "row 5, 表号: '' cannot name a device",
        "row 6, 供水温度: 'hot' is no number",
        "row 7, all metrics: no value at all",
        "row 8, the line: 4 columns, expected 6",
    ]


def test_a_foreign_parquet_by_its_map(tmp_path: Path) -> None:
    file = tmp_path / "theirs.parquet"
    local = [datetime(2026, 1, 15, 8, 0), datetime(2026, 1, 15, 8, 1)]  # noqa: DTZ001 - the file says no zone
    pq.write_table(pa.table({"when": local, "t": [412.0, None], "gone": [1, 2], "err": ["", "E4"]}), file)
    shape = "uid: {fixed: boiler-7}\nts: {column: when}\nfault: err\nmetrics: {flow_c: {column: t, scale: 0.1}}\n"
    rows = list(open_recording(file, put(tmp_path, "map.yaml", shape)).rows())
    assert rows == [
        Row(EIGHT, "boiler-7", {"flow_c": 41.2}),
        Row(EIGHT + 60_000, "boiler-7", {}, fault="E4"),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("ts: {column: t}\nmetrics: {flow_c: {column: x}}", "uid: Field required"),
        ("uid: {column: u, fixed: dev-1}\nts: {column: t}\nmetrics: {flow_c: {column: x}}", "either column or fixed"),
        ("uid: {column: u}\nts: {column: t}\nmetrics: {flow: {column: x}}", "flow is no metric of the catalogue"),
        ("uid: {column: u}\nts: {column: t, zone: Tongliao}\nmetrics: {flow_c: {column: x}}", "no time zone"),
        ("uid: {column: u}\nts: {column: t}\ntype: pump\nmetrics: {flow_c: {column: x}}", "no device type 'pump'"),
        ("uid: {column: u}\nts: {column: t}\nencoding: gb99\nmetrics: {flow_c: {column: x}}", "no encoding 'gb99'"),
        ("uid: [", "map.yaml: "),
    ],
)
def test_a_wrong_map_is_refused_in_a_line(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        open_recording(put(tmp_path, "theirs.csv", CSV), put(tmp_path, "map.yaml", wrong))
    assert "\n" not in str(refused.value)


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        open_recording(tmp_path / "gone.parquet", None)
    with pytest.raises(SettingsError, match="nothing says what its columns are"):
        open_recording(put(tmp_path, "theirs.csv", CSV), None)
    with pytest.raises(SettingsError, match="is no Parquet file"):
        open_recording(put(tmp_path, "text.parquet", CSV), None)
    with pytest.raises(SettingsError, match="no column 'kW'"):
        open_recording(put(tmp_path, "short.csv", "表号,时间,n,供水温度\n"), put(tmp_path, "map.yaml", MAP))
    with pytest.raises(SettingsError, match="is not utf-8-sig"):
        open_recording(put(tmp_path, "gbk.csv", CSV, "gbk"), put(tmp_path, "map.yaml", MAP))


Readings = list[tuple[int, str, str, float | None]]


def own(file: Path, groups: list[Readings]) -> Path:
    """A file as `simulate generate` writes it: a row group holds one type of one stretch of time."""
    words = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            ("ts", pa.timestamp("ms", tz="UTC")), ("device_id", pa.int32()), ("seq", pa.int64()), ("boot", pa.int64()),
            ("fault", pa.string()), ("flow_c", pa.float32()), ("co_ppm", pa.float32()), ("uid", words), ("type", words),
        ]
    )  # fmt: skip
    with pq.ParquetWriter(file, schema) as writer:
        for rows in groups:
            ts, uid, kind, value = (list(column) for column in zip(*rows, strict=True))
            co = kind[0] == "co_detector"
            nothing = [None] * len(rows)
            columns = [
                pa.array(ts, schema.field("ts").type), pa.array([1] * len(rows), pa.int32()),
                pa.array(range(len(rows)), pa.int64()), pa.array([3] * len(rows), pa.int64()),
                pa.array(nothing, pa.string()), pa.array(nothing if co else value, pa.float32()),
                pa.array(value if co else nothing, pa.float32()), pa.array(uid, pa.string()).dictionary_encode(),
                pa.array(kind, pa.string()).dictionary_encode(),
            ]  # fmt: skip
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return file


def test_our_parquet_comes_in_the_order_of_time_over_its_row_groups(tmp_path: Path) -> None:
    boilers: Readings = [
        (EIGHT + 1000 * second + 5, "kz01-001-gb", "gas_wall_boiler", 40.1 + second) for second in range(4)
    ]
    detectors: Readings = [(EIGHT + 1000 * second, "kz01-001-co", "co_detector", 3.0) for second in (2, 0, 1, 3)]
    late: Readings = [(EIGHT + ts, "kz01-002-co", "co_detector", value) for ts, value in ((2500, 9.0), (9000, None))]
    recording = open_recording(own(tmp_path / "own.parquet", [boilers, detectors, late]), None)
    contents = recording.contents()
    assert contents.devices == {
        "kz01-001-gb": ("gas_wall_boiler", None),
        "kz01-001-co": ("co_detector", None),
        "kz01-002-co": ("co_detector", None),
    }
    assert (contents.rows, contents.first_ms, contents.last_ms) == (10, EIGHT, EIGHT + 9000)
    rows = list(recording.rows())
    assert [one.ts_ms - EIGHT for one in rows] == [0, 5, 1000, 1005, 2000, 2005, 2500, 3000, 3005]
    assert rows[1].metrics == {"flow_c": 40.1}, "no trace of single precision"
    assert (rows[1].seq, rows[1].boot) == (0, 3)
    assert recording.refused.first == ["row 10, all metrics: no value at all"]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("ts", pa.array([EIGHT]), "column ts: int64, expected times"),
        ("uid", pa.array([7001]), "column uid: int64, expected text"),
        ("co_ppm", pa.array(["12"]), "column co_ppm: string, expected numbers"),
        ("boot", pa.array([1.5]), "column boot: double, expected whole numbers"),
    ],
)
def test_a_parquet_that_only_looks_like_ours_is_refused(
    tmp_path: Path, column: str, values: pa.Array, said: str
) -> None:
    ours = {"ts": pa.array([EIGHT], pa.timestamp("ms", tz="UTC")), "uid": ["dev-1"], "co_ppm": [1.0], "boot": [2]}
    pq.write_table(pa.table(ours), tmp_path / "ours.parquet")
    assert len(list(open_recording(tmp_path / "ours.parquet", None).rows())) == 1
    pq.write_table(pa.table(ours | {column: values}), tmp_path / "like.parquet")
    with pytest.raises(SettingsError, match=said):
        open_recording(tmp_path / "like.parquet", None)


def test_rows_without_a_believable_time_neither_pace_nor_stop_the_others(tmp_path: Path) -> None:
    times = pa.array([None, 5, EIGHT + 1000, EIGHT, 99 * EIGHT], pa.timestamp("ms", tz="UTC"))
    pq.write_table(pa.table({"ts": times, "uid": ["dev-1"] * 5, "co_ppm": [1.0] * 5}), tmp_path / "ours.parquet")
    text = [f'{{"uid": "dev-1", "ts": {ts}, "m": {{"co_ppm": 1}}}}' for ts in (10**30, 5, EIGHT + 1000, f"{EIGHT}.25")]
    lines = put(tmp_path, "ours.jsonl", "\n".join(text))
    csv = put(tmp_path, "theirs.csv", f"t,c\n99999999999999,1\n{EIGHT / 1000},1\n{EIGHT / 1000 + 1},1\n0,1\n")
    shape = "uid: {fixed: dev-1}\nts: {column: t, format: s}\nmetrics: {co_ppm: {column: c}}\n"
    for file, map_file, many in (
        (tmp_path / "ours.parquet", None, 3), (lines, None, 2), (csv, put(tmp_path, "map.yaml", shape), 2),
    ):  # fmt: skip
        recording = open_recording(file, map_file)
        contents = recording.contents()
        assert (contents.rows, contents.first_ms, contents.last_ms) == (2, EIGHT, EIGHT + 1000), file.name
        assert [one.ts_ms - EIGHT for one in recording.rows()] == [0, 1000]
        assert recording.refused.many == many
        assert all("expected 2000 to 2099" in line or "no time at all" in line for line in recording.refused.first)
    assert recording.refused.first == [
        "row 2, t: the time is out of all bounds, expected 2000 to 2099",
        "row 5, t: the time is in 1970, expected 2000 to 2099",
    ]


def test_our_json_lines(tmp_path: Path) -> None:
    lines = [
        f'{{"uid": "dev-1", "ts": {EIGHT + 1000}, "boot": 2, "m": {{"flame": true, "flow_c": 40.5, "co_ppm": null}}}}',
        f'{{"uid": "dev-2", "ts": {EIGHT}, "fault": "E1", "type": "co_detector"}}',
        f'{{"uid": "X", "ts": {EIGHT}, "m": {{"co_ppm": 1}}}}',
        '{"uid": "dev-1", "ts": "noon", "m": {"co_ppm": 1}}',
        "{",
    ]
    recording = open_recording(put(tmp_path, "own.jsonl", "\n".join(lines)), None)
    assert recording.contents().devices == {"dev-1": (None, None), "dev-2": ("co_detector", None)}
    assert list(recording.rows()) == [
        Row(EIGHT, "dev-2", {}, fault="E1"),
        Row(EIGHT + 1000, "dev-1", {"flame": 1.0, "flow_c": 40.5}, boot=2),
    ]
    assert [line.split(":")[0] for line in recording.refused.first] == [
        "row 3, uid",
        "row 4, the line",
        "row 5, the line",
    ]


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_a_window_orders_what_is_not_too_far_out_of_place(times: list[int], window: int) -> None:
    found = [one.ts_ms for one in in_window(map(row, times), window)]
    assert sorted(found) == sorted(times)
    if window >= len(times):
        assert found == sorted(times)


@given(st.lists(st.lists(st.integers(0, 100), min_size=1), max_size=6))
def test_merged_groups_are_sorted_and_whole(groups: list[list[int]]) -> None:
    opened: list[int] = []

    def group(times: list[int]) -> Group:
        def rows() -> Iterator[Row]:
            opened.append(min(times))
            return iter([row(ts) for ts in sorted(times)])

        return Group(min(times), len(times), rows)

    found = [one.ts_ms for one in merged([group(times) for times in groups])]
    assert found == sorted(ts for times in groups for ts in times)
    assert opened == sorted(opened)


def test_a_group_is_read_only_when_its_time_has_come() -> None:
    opened: list[int] = []

    def group(first: int) -> Group:
        def rows() -> Iterator[Row]:
            opened.append(first)
            yield from (row(ts) for ts in range(first, first + 10))

        return Group(first, 10, rows)

    rows = merged([group(first) for first in (20, 0, 10)])
    assert [next(rows).ts_ms for _ in range(10)] == list(range(10))
    assert opened == [0]
    next(rows)
    assert opened == [0, 10]


def test_more_overlapping_rows_than_memory_holds_lose_their_order_but_not_themselves() -> None:
    def group(times: list[int]) -> Group:
        return Group(min(times), len(times), lambda: iter([row(ts) for ts in times]))

    found = [one.ts_ms for one in merged([group([0, 10, 20]), group([5, 15, 25])], most=3)]
    assert found == [0, 10, 20, 5, 15, 25]


def test_as_if_it_were_now() -> None:
    moments = Moments(1_000_000, 5_000_000, 60.0, "now")
    assert moments.due_s(row(1_060_000)) == 1.0
    assert moments.ts_ms(row(1_000_000)) == 5_000_000
    assert moments.ts_ms(row(1_060_000)) == 5_001_000
    # 6 ms of the recording are less than one of ours
    assert moments.ts_ms(row(1_060_006)) == 5_001_001
    assert moments.ts_ms(row(1_060_006, "dev-2")) == 5_001_000


def test_its_own_times_at_any_speed() -> None:
    for speed in (0.0, 60.0):
        assert Moments(1_000_000, 5_000_000, speed, "keep").ts_ms(row(1_060_000)) == 1_060_000
    assert Moments(1_000_000, 5_000_000, 0.0, "keep").due_s(row(1_060_000)) == 0.0


def test_what_holds_where_nobody_says() -> None:
    assert choose_shift(1.0, None) == "now"
    assert choose_shift(0.0, None) == "keep"
    with pytest.raises(SettingsError, match="cannot all be of now"):
        choose_shift(0.0, "now")


def test_old_history_is_warned_of() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    old, young = Contents(first_ms=EIGHT), Contents(first_ms=int(now.timestamp() * 1000) - 86_400_000)
    assert "begins 45 days ago" in str(too_old(old, "keep", now))
    assert too_old(old, "now", now) is None
    assert too_old(young, "keep", now) is None


def test_a_replay_uses_our_account_under_a_name_of_its_own() -> None:
    one, other = our_login("mqtt://nuanshao:p%40ss@broker"), our_login("mqtt://nuanshao:p%40ss@broker")
    assert (one.user, one.password) == ("nuanshao", "p@ss")
    assert one.client_id != other.client_id
    with pytest.raises(SettingsError, match="names no account"):
        our_login("mqtt://broker")


def test_a_payload_has_what_the_row_has() -> None:
    full = Row(1, "dev-1", {"flow_c": 41.5}, seq=7, boot=2, fault="E1")
    assert json.loads(payload(full, 9)) == {"ts": 9, "seq": 7, "boot": 2, "m": {"flow_c": 41.5}, "fault": "E1"}
    assert json.loads(payload(Row(1, "dev-1", {}, fault="E1"), 1)) == {"ts": 1, "fault": "E1"}


def test_only_the_first_unreadable_rows_are_kept() -> None:
    refused = Refused()
    for number in range(1000):
        refused.note(Unreadable(number, "a", "b"))
    assert (refused.many, len(refused.first)) == (1000, 5)
