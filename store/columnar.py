"""Rows of binary COPY made from columns: one structured array whose bytes are what PostgreSQL reads. And back.

Rows in which the same values are missing have one length, so no Python object is made per row. Rows with a text are not
of that form and go the usual way (store/copy.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]

FORMS: Final[Mapping[str, str]] = {
    "ts": ">i8", "device_id": ">i4", "received_at": ">i8", "seq": ">i8", "boot": ">i8", "flags": ">i4",
}  # fmt: skip
"""The columns of a reading that can be of fixed length, as PostgreSQL reads them; every metric is a `real`."""
METRIC_FORM: Final = ">f4"
HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What a binary COPY begins with; rows follow, as many blocks as one likes, then END."""
END: Final = b"\xff\xff"
_ARRAY_HEAD: Final = 24
"""Before an array's elements stand, of four bytes each: its length, dimensions, whether there are nulls, type, how many
elements, the number of the first."""
_NULL: Final = -1
"""The length of a value that is not there."""
_EPOCH_2000_MS: Final = 946_684_800_000


def binary_rows(columns: Mapping[str, Numbers | None]) -> bytes:
    """The rows without HEAD and END. Times by `pg_times`; arrays of one length, in the order of the COPY's columns.

    None is a column that has no value in any of these rows.
    """
    many = next(len(values) for values in columns.values() if values is not None)
    table = np.empty(many, dtype=_form(tuple((name, values is not None) for name, values in columns.items())))
    table["fields"] = len(columns)
    for name, values in columns.items():
        if values is None:
            table[f"{name}#"] = _NULL
        else:
            table[f"{name}#"] = int(FORMS.get(name, METRIC_FORM)[2:])
            table[name] = values
    return table.tobytes()


def arrays_of(row: bytes | bytearray | memoryview, names: tuple[str, ...]) -> dict[str, Numbers]:
    """The arrays of a row that has nothing else, by the columns' names; times as PostgreSQL has them (`unix_ms`).

    Raises ValueError where the row is not of that form: another number of columns, another type, a null in an array.
    """
    fields = int.from_bytes(row[:2], "big")
    if fields != len(names):
        raise ValueError(f"a row of {fields} columns, not {len(names)}")
    found, at = {}, 2
    for name in names:
        head = np.frombuffer(row, dtype=">i4", count=_ARRAY_HEAD // 4, offset=at)
        length, dimensions, _, _, many, _ = head.tolist()
        form = FORMS.get(name, METRIC_FORM)
        element = np.dtype([("length", ">i4"), ("value", form)])
        if dimensions != 1 or length != _ARRAY_HEAD - 4 + many * element.itemsize:
            raise ValueError(f"{name} is no array of one dimension with a value of {form} everywhere")
        elements = np.frombuffer(row, dtype=element, count=many, offset=at + _ARRAY_HEAD)
        if (elements["length"] != element.itemsize - 4).any():
            raise ValueError(f"{name} holds a null, or something else than {form}")
        found[name] = elements["value"].astype(np.dtype(form).newbyteorder("="))
        at += 4 + length
    return found


@lru_cache(maxsize=4096)
def _form(columns: tuple[tuple[str, bool], ...]) -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, there in columns:
        fields.append((f"{name}#", ">i4"))
        if there:
            fields.append((name, FORMS.get(name, METRIC_FORM)))
    return np.dtype(fields)


def pg_time(ms: int) -> int:
    """Milliseconds since 1970 as microseconds since 2000, PostgreSQL's own form."""
    return (ms - _EPOCH_2000_MS) * 1000


def pg_times(ms: Numbers) -> Numbers:
    """`pg_time` for a whole column."""
    return (ms - _EPOCH_2000_MS) * 1000


def unix_ms(times: Numbers) -> Numbers:
    """The inverse of `pg_times`; what is finer than a millisecond is left out."""
    return times // 1000 + _EPOCH_2000_MS
