"""The pages of docs/ that are made from the code are what the code makes now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalogue.building_classes import BUILDING_CLASSES
from catalogue.device_types import COMMON_METRICS, DEVICE_TYPES
from catalogue.event_types import EVENT_TYPES
from catalogue.fault_codes import FAULT_CODES
from catalogue.faults import FAULTS
from catalogue.metrics import METRICS
from catalogue.models import MODELS
from catalogue.rules import default_pack
from demo.documents import FOLDER, documents, settings_table, write
from demo.markdown import plain
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
    named = [row.name for row in (*METRICS, *EVENT_TYPES, *FAULTS, *MODELS, *BUILDING_CLASSES)]
    for name in named + [rule.id for rule in default_pack().rules]:
        assert f"| `{name}` |" in page, name
    for code in FAULT_CODES:
        assert code.source in page, code
    for rule in default_pack().rules:
        assert rule.source in page, rule.id


def test_a_section_of_the_catalogue_has_all_of_its_type_and_nothing_else() -> None:
    sections = {part.split("\n")[0]: part.split("\n## ")[0] for part in documents()["catalogue.md"].split("\n### ")[1:]}
    assert list(sections) == [kind.name for kind in DEVICE_TYPES]
    for kind in DEVICE_TYPES:
        section = sections[kind.name]
        cells = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        models = {row.name for row in MODELS if row.type == kind.name}
        assert cells == {*kind.metrics, *kind.all_faults, *models}
        assert kind.zh in section
        for code in FAULT_CODES:
            if code.type == kind.name and code.vendor != "nuanshao-sim":
                assert f"`{code.code}`" in section
    assert all(f"| `{name}` |" in documents()["catalogue.md"].split("### ")[0] for name in COMMON_METRICS)


def test_links_within_a_page_lead_somewhere() -> None:
    for name, text in documents().items():
        anchors = {
            re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        for link in re.findall(r"\]\(#([^)]*)\)", text):
            assert link in anchors, f"{name}: #{link}"


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
