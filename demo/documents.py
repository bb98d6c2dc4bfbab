"""The pages of `docs/` that are made from the code: settings and catalogue. A test holds the committed files to it.

`nuanshao docs` writes them again.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from demo.catalogue_page import catalogue_page
from demo.markdown import plain, table
from foundation.settings import PREFIX, Settings

FOLDER = Path(__file__).parents[1] / "docs"

MADE = "<!-- Made by `nuanshao docs`; change the code, not this file. -->"
BESIDE: tuple[tuple[str, str, str], ...] = (
    ("LOG_LEVEL", "`INFO`", "What is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`"),
    (
        "CACHE_DIR",
        "`/var/cache/nuanshao` for root, `~/.cache/nuanshao` for others",
        "Where fetched services and test tools are kept; an absolute path",
    ),
)
"""Variables that are read before there are settings (foundation/logs.py, runtime/places.py)."""


def settings_table() -> str:
    """Every setting as a Markdown table, in the order of foundation/settings.py."""
    rows: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        secret = field.annotation is SecretStr
        default = "" if secret or field.default == "" else f"`{field.default}`"
        what = plain(field.description or "")
        rows.append((f"`{PREFIX}{name.upper()}`", "yes" if secret else "", default, what))
    rows += [(f"`{PREFIX}{name}`", "", default, what) for name, default, what in BESIDE]
    return table(("variable", "secret", "default", "what it is"), rows)


def documents() -> dict[str, str]:
    """The pages by file name. The same text each time."""
    return {"settings.md": _settings_page(), "catalogue.md": f"{MADE}\n\n{catalogue_page()}"}


def write(folder: Path = FOLDER) -> list[Path]:
    """Writes the pages into `folder`; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in documents().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _settings_page() -> str:
    return f"""{MADE}

# Settings

Every process reads its settings from the environment, once, when it starts. An empty value means "not set".
A secret may come from a file instead: `{PREFIX}X_FILE=/run/secrets/x` fills `{PREFIX}X`.
Which process needs which of them stands in [operations.md](operations.md#processes).

{settings_table()}
"""


if __name__ == "__main__":
    write()
