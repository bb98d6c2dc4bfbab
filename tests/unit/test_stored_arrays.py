"""Arrays of a binary COPY become columns again, and reals the numbers that had been sent."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.columnar import FORMS, arrays_of, pg_times, unix_ms
from store.stored import as_sent

NAMES = ("ts", "device_id", "flags", "co_ppm")
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**52), 2**52), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1),
        st.floats(width=32, allow_nan=True),
    )
)  # fmt: skip


def field(form: str, values: Sequence[float | None], *, dimensions: int = 1) -> bytes:
    """An array as PostgreSQL sends it (array_send): each element with its length, -1 for a null."""
    code = {">i8": ">q", ">i4": ">i", ">f4": ">f"}[form]
    elements = b"".join(
        struct.pack(">i", -1) if value is None else struct.pack(">i", int(form[2:])) + struct.pack(code, value)
        for value in values
    )
    content = struct.pack(">iiiii", dimensions, int(None in values), 700, len(values), 1) + elements
    return struct.pack(">i", len(content)) + content


@given(ROWS)
def test_what_the_server_sends_is_what_comes_out(rows: list[tuple[int, int, int, float]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    forms = [FORMS.get(name, ">f4") for name in NAMES]
    row = struct.pack(">h", len(NAMES)) + b"".join(map(field, forms, columns))
    found = arrays_of(row, NAMES)
    for name, column, form in zip(NAMES, columns, forms, strict=True):
        expected = np.array(column, dtype=np.dtype(form).newbyteorder("="))
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype.isnative


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (struct.pack(">h", 2) + field(">f4", [1.0]) * 2, "a row of 2 columns, not 1"),
        (struct.pack(">h", 1) + field(">f4", [1.0, None]), "co_ppm"),
        (struct.pack(">h", 1) + field(">i8", [1, 2]), "co_ppm"),
        (struct.pack(">h", 1) + field(">f4", [1.0], dimensions=2), "co_ppm is no array of one dimension"),
    ],
)
def test_another_form_is_an_error_and_no_wrong_number(row: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        arrays_of(row, ("co_ppm",))


@given(st.lists(st.integers(-(10**12), 10**13)))
def test_times_come_back(moments: list[int]) -> None:
    ms = np.array(moments, dtype=np.int64)
    np.testing.assert_array_equal(unix_ms(pg_times(ms)), ms)


@given(st.integers(-999_999, 999_999), st.integers(0, 5))
def test_a_number_of_six_digits_is_the_one_that_was_sent(digits: int, decimals: int) -> None:
    sent = float(f"{digits}e-{decimals}")
    assert as_sent(np.array([sent], dtype=np.float32)).tolist() == [sent]


@given(st.lists(st.floats(width=32)))
def test_any_other_is_the_real_that_is_stored_or_one_that_becomes_it(values: list[float]) -> None:
    stored = np.array(values, dtype=np.float32)
    np.testing.assert_array_equal(as_sent(stored).astype(np.float32), stored)
