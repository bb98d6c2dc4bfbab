"""The ordinary message in one typed pass: one reading of a known device, numbers only, metrics of its own type.

Nearly every message is one. What is not (an array, a gateway's, a fault, a null, a metric that the type does not have)
fails here within a microsecond and takes the general way of ingest/decode.py; a test holds that both come to the same.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Protocol

import msgspec

from catalogue.device_types import COMMON_METRICS, DEVICE_TYPE
from catalogue.metrics import METRIC

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
NOT_PLAIN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `PlainType.decode` raises for a message that is not of this form."""


class PlainReading(Protocol):
    """A reading as it was sent; `m` has a field a metric of the type, NaN where there is none."""

    ts: int
    seq: int
    boot: int
    m: msgspec.Struct


class PlainType:
    """How the ordinary messages of one device type are read.

    `pack` makes the values' bytes as an array holds them; `empty` are those of a reading without any.
    """

    __slots__ = ("decode", "empty", "metrics", "pack")

    def __init__(self, device_type: str) -> None:
        row = DEVICE_TYPE.get(device_type)
        self.metrics: tuple[str, ...] = COMMON_METRICS if row is None else row.all_metrics
        self.pack: Callable[..., bytes] = struct.Struct(f"{len(self.metrics)}d").pack
        self.empty: bytes = self.pack(*[math.nan] * len(self.metrics))
        values = msgspec.defstruct(
            "Values",
            # a state may be true or false; any other metric that is sent as one goes the general way, to be flagged
            [(name, float | bool if METRIC[name].kind == "state" else float, math.nan) for name in self.metrics],
            forbid_unknown_fields=True,
            gc=False,
        )
        fields: list[tuple[str, Any]] = [("ts", int), ("seq", _Count), ("boot", _Count), ("m", values)]
        reading = msgspec.defstruct("Reading", fields, forbid_unknown_fields=True, gc=False)
        self.decode: Callable[[bytes], PlainReading] = msgspec.json.Decoder[Any](reading).decode


@cache
def plain_type(device_type: str) -> PlainType:
    """The one of this device type."""
    return PlainType(device_type)
