"""What people see in their chats: messages of groups, members and followers, with the buttons they can press."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

App = Literal["wecom_robot", "wecom", "wechat"]


@dataclass
class Chat:
    """One message. `to`: the group's name, a member's user id, a follower's openid. `buttons`: key → words."""

    id: int
    app: App
    to: str
    text: str
    at: datetime
    url: str = ""
    task_id: str = ""
    everybody: bool = False
    buttons: dict[str, str] = field(default_factory=dict)
    pressed: str = ""
    answered: str = ""
    """What the card says since it was pressed."""


class Inbox:
    """The last `keep` messages of all chats. `dropped` counts what was accepted and shown to nobody."""

    def __init__(self, keep: int) -> None:
        self._chats: deque[Chat] = deque(maxlen=keep)
        self._numbers = itertools.count(1)
        self.dropped = 0

    def number(self) -> int:
        """A new message's number, shown or not."""
        return next(self._numbers)

    def show(self, chat: Chat) -> None:
        """Somebody sees it."""
        self._chats.append(chat)

    def newest(self, limit: int) -> list[Chat]:
        """The newest first."""
        return list(itertools.islice(reversed(self._chats), limit))

    def find(self, number: int) -> Chat | None:
        """The message with this number, if it is remembered."""
        return next((chat for chat in self._chats if chat.id == number), None)


def chat_as_json(chat: Chat) -> dict[str, object]:
    """One row of `/chats.json`."""
    return {
        "id": chat.id,
        "app": chat.app,
        "to": chat.to,
        "text": chat.text,
        "at": chat.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "url": chat.url,
        "task_id": chat.task_id,
        "everybody": chat.everybody,
        "buttons": [{"key": key, "text": words} for key, words in chat.buttons.items()],
        "pressed": chat.pressed,
        "answered": chat.answered,
    }
