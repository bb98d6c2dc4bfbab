"""The bits of a reading's `flags` mean the same in Python and in SQL."""

from __future__ import annotations

import re

from catalogue.flags import BAD_CLOCK, Flag
from store.migrate import migrations
from store.named_sql import blocks


def test_the_sql_function_names_the_same_bits() -> None:
    text = "\n".join(migration.text for migration in migrations())
    bodies = re.findall(r"function reading_flags\(.*?\$\$(.*?)\$\$", text, re.DOTALL)
    assert bodies, "the function has moved"
    named = re.findall(r"\((\d+), '(\w+)'\)", bodies[-1])
    assert {name: int(bit) for bit, name in named} == {flag.name.lower(): flag.value for flag in Flag if flag.name}
    assert len(named) == len(Flag)


def test_each_flag_is_one_bit_of_the_column() -> None:
    assert all(flag.value.bit_count() == 1 for flag in Flag)
    assert max(flag.value for flag in Flag) < 2**31


def test_the_queries_of_clocks_ask_for_the_flags_of_a_clock() -> None:
    clock = int(BAD_CLOCK | Flag.CLOCK_SLOW)
    for name in ("troubles_to_note", "new_clocks", "note_devices_well"):
        assert set(re.findall(r"flags & (\d+)", blocks()[name])) == {str(clock)}


def test_a_clock_is_bad_for_three_reasons() -> None:
    assert BAD_CLOCK == Flag.CLOCK_AHEAD | Flag.CLOCK_BEHIND | Flag.CLOCK_MISSING
