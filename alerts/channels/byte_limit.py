"""Texts for carriers that count bytes: cut between characters, and never the link at their end. Pure."""

from __future__ import annotations

_ELLIPSIS = "…"


def cut(text: str, most_bytes: int) -> str:
    """The text in at most so many bytes of UTF-8, with an ellipsis where something is missing."""
    raw = text.encode()
    if len(raw) <= most_bytes:
        return text
    room = most_bytes - len(_ELLIPSIS.encode())
    return raw[: max(room, 0)].decode(errors="ignore").rstrip() + _ELLIPSIS


def with_link(text: str, link: str, most_bytes: int) -> str:
    """The text, then the link on a line of its own unless the text has it; what is cut is the text."""
    if not link:
        return cut(text, most_bytes)
    if link in text:
        if len(text.encode()) <= most_bytes:
            return text
        text = text.replace(link, "").rstrip()
    return f"{cut(text, most_bytes - len(link.encode()) - 1)}\n{link}"
