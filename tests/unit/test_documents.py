"""The pages of docs/ that are made from the code are what the code makes now."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogue.device_types import DEVICE_TYPES
from catalogue.event_types import EVENT_TYPES
from catalogue.metrics import METRICS
from catalogue.rules import default_pack
from demo.documents import FOLDER, documents, plain, settings_table, write
from foundation.settings import PREFIX, Settings


@pytest.mark.parametrize("name", documents())
def test_a_committed_page_is_what_is_made(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == documents()[name], "run `nuanshao docs` and commit what changed"


def test_every_setting_has_a_row_that_says_what_it_is() -> None:
    rows = settings_table().splitlines()[2:]
    for name, field in Settings.model_fields.items():
        row = next(line for line in rows if f"`{PREFIX}{name.upper()}`" in line)
        assert field.description, name
        assert plain(field.description) in row


def test_no_secret_shows_a_default() -> None:
    for line in settings_table().splitlines()[2:]:
        _, _, secret, default, _, _ = line.split("|")
        assert not (secret.strip() and default.strip()), line


def test_everything_in_the_catalogue_has_its_row() -> None:
    page = documents()["catalogue.md"]
    named = [row.name for row in (*METRICS, *DEVICE_TYPES, *EVENT_TYPES)] + [rule.id for rule in default_pack().rules]
    for name in named:
        assert f"| `{name}` |" in page, name
    for rule in default_pack().rules:
        assert rule.source in page, rule.id


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for text in documents().values():
        width = 0
        for line in text.splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
            assert not cells or cells == (width or cells), line
            width = cells


def test_writing_makes_the_folder_and_all_pages(tmp_path: Path) -> None:
    written = write(tmp_path / "docs")
    assert {path.name: path.read_text(encoding="utf-8") for path in written} == documents()
