"""What logs show, and what they must not."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from foundation import logs

NUMBER = "13812345678"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(phone: str) -> None:
    raise ValueError(f"no carrier for a number of {len(phone)} digits")


@pytest.fixture(autouse=True)
def configured_again() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)


@pytest.mark.parametrize("into", [io.StringIO, Terminal], ids=["file", "terminal"])
def test_a_traceback_shows_no_locals(monkeypatch: pytest.MonkeyPatch, into: type[io.StringIO]) -> None:
    written = into()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure(process="alerts")
    try:
        tell(NUMBER)
    except ValueError:
        structlog.get_logger("a logger of this test").exception("not_told", to=logs.mask_phone(NUMBER))
    said = written.getvalue()
    assert "not_told" in said
    assert "no carrier" in said
    assert "138****5678" in said
    assert NUMBER not in said
