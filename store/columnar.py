"""Rows of binary COPY made from columns: one structured array whose bytes are what PostgreSQL reads.

A row has a fixed length when all its values are there, so no Python object is made per row. Rows with a missing value
or a text are not of that form and go the usual way (store/copy.py).
"""

from __future__ import annotations

from collections.abc import Mapping
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
_EPOCH_2000_MS: Final = 946_684_800_000


def binary_rows(columns: Mapping[str, Numbers]) -> bytes:
    """The rows without HEAD and END. Times by `pg_times`; arrays of one length, in the order of the COPY's columns."""
    forms = {name: FORMS.get(name, METRIC_FORM) for name in columns}
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, form in forms.items():
        fields += [(f"{name}#", ">i4"), (name, form)]
    table = np.empty(len(next(iter(columns.values()))), dtype=fields)
    table["fields"] = len(forms)
    for name, form in forms.items():
        table[f"{name}#"] = int(form[2:])
        table[name] = columns[name]
    return table.tobytes()


def pg_time(ms: int) -> int:
    """Milliseconds since 1970 as microseconds since 2000, PostgreSQL's own form."""
    return (ms - _EPOCH_2000_MS) * 1000


def pg_times(ms: Numbers) -> Numbers:
    """`pg_time` for a whole column."""
    return (ms - _EPOCH_2000_MS) * 1000
