"""Logs: one event a line, for people on a terminal and as JSON elsewhere."""

from __future__ import annotations

import logging
import os
import sys

import structlog

# without locals: they hold phone numbers and secrets, and a batch's take a terminal's renderer many seconds
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(*, process: str, level: str = "INFO") -> None:
    """Set structlog up once for `process` (ingest, alerts, api …). NUANSHAO_LOG_LEVEL goes before `level`."""
    asked = os.environ.get("NUANSHAO_LOG_LEVEL", level).upper()
    least = logging.getLevelNamesMapping().get(asked, logging.INFO)
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _TRACEBACKS if not terminal else structlog.processors.StackInfoRenderer(),
            _for_people() if terminal else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


_SHORTEST_MASKABLE = 9


def mask_phone(number: str) -> str:
    """A phone number as logs and pages may show it: `138****0001`."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= _SHORTEST_MASKABLE else "****"
