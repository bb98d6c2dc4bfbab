"""Readings as whole MQTT packets: one matrix of bytes a device type, in which only what changes is written anew.

Every packet of a type has one length, because names and numbers in it have fixed widths; so time, `seq`, packet id and
some digits of the values are columns, and a message costs no Python object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue.wire import TOPIC_ROOT, topic

Bytes = npt.NDArray[np.uint8]

PUBLISH_QOS_1: Final = 0x32
PACKET_IDS: Final = 65_535
"""MQTT's packet ids are 1 to this."""
FIRST_SEQ: Final = 100_000_000
"""A number in JSON has no leading zeros, so a fixed width needs a first digit."""
_ID_BYTES: Final = 2
_SEVEN_BITS: Final = 0x7F
_TS: Final = b"0000000000000"
_SEQ: Final = b"111111111"
_VARIES: Final = ord("#")
_ZERO: Final = ord("0")
_SLIDE: Final = 7
"""How far the digits of a packet's next reading are away from its last ones; any number will do."""
_SPARE_DIGITS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a device of this type says: twelve metrics that raise no alarm, `#` for a digit that varies."""

    device_type: str
    mark: str
    metrics: str


KINDS: Final = (
    Kind(
        "air_source_heat_pump",
        "hp",
        '"flow_c":4#.#,"return_c":3#.#,"target_c":45.0,"outdoor_c":-1#.#,"discharge_c":7#.#,"coil_c":-1#.#,'
        '"compressor_hz":6#,"fan_rpm":8##,"power_w":21##,"heat_w":64##,"voltage_v":22#.#,"rssi_dbm":-7#',
    ),
    Kind(
        "gas_wall_boiler",
        "gb",
        '"flame":1,"modulation_pct":4#,"flow_c":5#.#,"return_c":4#.#,"target_c":60.0,"water_bar":1.4#,'
        '"exhaust_c":9#.#,"fan_rpm":21##,"flame_ua":3.#,"gas_m3":1123.45,"burner_starts":1204,"power_w":9#',
    ),
    Kind(
        "storage_electric_heater",
        "sh",
        '"core_c":5##,"case_c":4#.#,"outlet_c":3#.#,"indoor_c":19.#,"set_c":20.0,"charge_pct":6#,"charging":1,'
        '"power_w":29##,"energy_kwh":3123.4,"voltage_v":22#.#,"rssi_dbm":-7#,"uptime_s":864000',
    ),
)


def uids(kind: Kind, many: int) -> list[str]:
    """The names of a kind's devices."""
    return [f"bench-{kind.mark}-{number:06d}" for number in range(many)]


def shares(devices: int) -> list[int]:
    """How many devices of each kind there are when there are so many in all."""
    whole, rest = divmod(devices, len(KINDS))
    return [whole + (place < rest) for place in range(len(KINDS))]


def packet(topic_name: str, payload: bytes, packet_id: int) -> bytes:
    """One MQTT 3.1.1 PUBLISH with QoS 1."""
    name = topic_name.encode()
    body = len(name).to_bytes(2, "big") + name + packet_id.to_bytes(_ID_BYTES, "big") + payload
    head, length = bytearray([PUBLISH_QOS_1]), len(body)
    while length > _SEVEN_BITS:
        head.append(length & _SEVEN_BITS | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


class Sheet:
    """The packets of all devices of one kind, a row a device."""

    def __init__(self, kind: Kind, names: Sequence[str], boot: int, seed: int) -> None:
        start = b'{"ts":' + _TS + b',"seq":' + _SEQ + b',"boot":%d,"m":{' % boot
        payload = start + kind.metrics.encode() + b"}}"
        spoken_to = topic(names[0], "telemetry")
        first = np.frombuffer(packet(spoken_to, payload, 0), dtype=np.uint8)
        self.rows: Bytes = np.tile(first, (len(names), 1))
        head = len(first) - len(payload)
        uid_at = head - _ID_BYTES - len(spoken_to) + len(TOPIC_ROOT) + 1
        self.rows[:, uid_at : uid_at + len(names[0])] = np.array(
            [np.frombuffer(name.encode(), dtype=np.uint8) for name in names]
        )
        self._id = slice(head - _ID_BYTES, head)
        self._ts = slice(head + payload.index(_TS), head + payload.index(_TS) + len(_TS))
        self._seq = slice(head + payload.index(_SEQ), head + payload.index(_SEQ) + len(_SEQ))
        self._varying = head + np.flatnonzero(first[head:] == _VARIES)
        dice = np.random.default_rng(seed)
        shape = (len(names) + _SPARE_DIGITS, len(self._varying))
        self._digits: Bytes = dice.integers(_ZERO, _ZERO + 10, shape, dtype=np.uint8)
        self._turn = 0

    def write(self, first: int, last: int, ids: Bytes, ts_ms: int, seq: int) -> Bytes:
        """The packets of rows `first` to `last` (not included), written anew; good until the next call for them."""
        rows = self.rows[first:last]
        rows[:, self._id] = ids
        rows[:, self._ts] = np.frombuffer(b"%d" % ts_ms, dtype=np.uint8)
        rows[:, self._seq] = np.frombuffer(b"%d" % seq, dtype=np.uint8)
        self._turn = (self._turn + _SLIDE) % _SPARE_DIGITS
        rows[:, self._varying] = self._digits[first + self._turn : last + self._turn]
        return rows


@dataclass(slots=True)
class _Strip:
    """Neighbouring rows of one sheet that are sent together, and what they said last."""

    sheet: Sheet
    first: int
    last: int
    last_ms: int = 0


class Load:
    """The messages of all devices, strip by strip and round by round; no device speaks twice in a millisecond."""

    def __init__(self, devices: int, strip: int, boot: int, seed: int = 1) -> None:
        self._strips: list[_Strip] = []
        by_kind = []
        for kind, many in zip(KINDS, shares(devices), strict=True):
            if many:
                sheet = Sheet(kind, uids(kind, many), boot, seed)
                by_kind.append([_Strip(sheet, at, min(at + strip, many)) for at in range(0, many, strip)])
        # one of each kind after the other, as a mixed county would come
        for place in range(max(map(len, by_kind))):
            self._strips += [strips[place] for strips in by_kind if place < len(strips)]
        self._next = 0
        self._round = 0
        # twice, so that a strip's ids are one slice also where they begin again
        numbers = np.tile(np.arange(1, PACKET_IDS + 1), 2).astype(">u2")
        self._ids: Bytes = numbers.view(np.uint8).reshape(-1, _ID_BYTES)

    @property
    def upcoming(self) -> int:
        """How many messages the next strip has."""
        strip = self._strips[self._next]
        return strip.last - strip.first

    def next(self, now_ms: int, first_id: int) -> Bytes:
        """The next strip's packets, measured now, with packet ids from `first_id` (1 to 65 535) on."""
        strip = self._strips[self._next]
        strip.last_ms = max(now_ms, strip.last_ms + 1)
        ids = self._ids[first_id - 1 : first_id - 1 + strip.last - strip.first]
        packets = strip.sheet.write(strip.first, strip.last, ids, strip.last_ms, FIRST_SEQ + self._round)
        self._next += 1
        if self._next == len(self._strips):
            self._next, self._round = 0, self._round + 1
        return packets
