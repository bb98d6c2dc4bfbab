"""Letters from intent to outcome: whatever dies in between, nobody is told twice and nobody is forgotten."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.channels.channel import Accepted, LookupFailed, Message, Outcome, Receipt, Refused, Unknown, Way
from alerts.condition import State
from alerts.delivery import LOOKUP_AFTER
from alerts.messages import Place
from alerts.standby.folder import Folder
from alerts.standby.journal import Journal
from alerts.standby.judging import Remembered
from alerts.standby.letter import KEPT_FOR, Contact, Letter, letters
from alerts.standby.teller import Teller
from catalogue.rules import default_pack
from foundation.errors import SettingsError

NIGHT = datetime(2026, 1, 15, 19, tzinfo=UTC)
RULE = {rule.id: rule for rule in default_pack().rules}
ACTIVE = State("active", NIGHT, NIGHT, 400, 400, raised_at=NIGHT)
PLACE = Place("向阳嘎查", "3组12号", "co-1")
CONTACTS = [Contact(1, "13800000001"), Contact(2, "13800000002")]


class Carrier:
    """A carrier whose answers the test says; it remembers what it took."""

    name = "phones"
    way: Way = "sms"
    receipts = True
    remembers = True

    def __init__(self) -> None:
        self.answers: list[Outcome | Exception] = []
        self.took: list[Message] = []
        self.sent: list[str] = []
        self.looked_up: list[str] = []
        self.reachable = True

    async def send(self, message: Message) -> Outcome:
        self.sent.append(message.key)
        answer = self.answers.pop(0) if self.answers else Accepted(f"id-{len(self.took)}")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Accepted):
            self.took.append(message)
        return answer

    async def lookup(self, message: Message, _sent_at: datetime) -> Receipt | Accepted | None:
        self.looked_up.append(message.key)
        if not self.reachable:
            raise LookupFailed("phones: away")
        return Accepted("") if message in self.took else None

    async def close(self) -> None: ...


class Office:
    """A journal with its teller, the test's clock and a carrier; `killed` is what a restart finds."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.carrier = path, NIGHT, Carrier()
        self.restart()

    def restart(self) -> None:
        self.journal = Journal(self.path, self.now)
        self.teller = Teller(self.journal, self.carrier, lambda: self.now)

    def kill(self) -> None:
        self.journal.close()
        self.restart()

    async def write(self, contacts: list[Contact] = CONTACTS[:1]) -> list[Letter]:
        made = letters("mark", RULE["co_300"], 7, PLACE, ACTIVE, contacts, self.now, "Asia/Shanghai")
        await self.journal.record(letters=made)
        return made

    async def later(self, seconds: float) -> int:
        self.now += timedelta(seconds=seconds)
        return await self.teller.round()

    def states(self) -> list[str]:
        return [letter.state for letter in self.journal.letters.values()]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "journal.sqlite")
    yield made
    made.journal.close()


async def test_a_letter_says_what_the_outbox_would_say(office: Office) -> None:
    first, second = await office.write(CONTACTS)
    assert first.body == (
        "取暖警报：向阳嘎查，3组12号，一氧化碳超过300ppm（现400ppm），1月16日03:00起。"
        "处置：立即开窗、全员撤到室外并拨打120。回复1确认，2误报，3求助。"
    )
    assert (first.message.template, first.message.to, first.message.key) == (
        "critical", "13800000001", f"mark-standby-7-co_300-{int(NIGHT.timestamp() * 1000)}-1",
    )  # fmt: skip
    assert second.key != first.key
    assert "138" not in repr(first)


async def test_it_is_told_once(office: Office) -> None:
    await office.write(CONTACTS)
    assert await office.teller.round() == 2
    assert office.states() == ["accepted", "accepted"]
    assert await office.later(3600) == 0
    assert len(office.carrier.sent) == 2


async def test_killed_before_it_was_handed_over_it_is_told_after_the_restart(office: Office) -> None:
    await office.write()
    office.kill()
    await office.teller.round()
    assert (office.states(), len(office.carrier.took), office.carrier.looked_up) == (["accepted"], 1, [])


@pytest.mark.parametrize("had_it", [True, False])
async def test_killed_between_intent_and_outcome_it_is_looked_up_first(office: Office, *, had_it: bool) -> None:
    (letter,) = await office.write()
    begun = letter.begun(office.now)
    await office.journal.record(letters=[begun])
    if had_it:
        await office.carrier.send(begun.message)
    office.kill()
    assert await office.teller.round() == 0, "its carrier may not show it yet"
    await office.later(LOOKUP_AFTER["critical"].total_seconds())
    assert office.carrier.looked_up == [letter.key]
    assert (office.states(), len(office.carrier.took), len(office.carrier.sent)) == (["accepted"], 1, 1)


async def test_an_answer_that_says_nothing_is_looked_up_and_not_sent_again(office: Office) -> None:
    office.carrier.answers = [Unknown("carrier_timeout")]
    (letter,) = await office.write()
    await office.teller.round()
    assert office.states() == ["sending"]
    office.carrier.took.append(letter.message)
    await office.later(15)
    assert (office.states(), office.carrier.sent) == (["accepted"], [letter.key])


async def test_a_carrier_that_cannot_be_asked_is_asked_again(office: Office) -> None:
    office.carrier.answers, office.carrier.reachable = [Unknown("carrier_timeout")], False
    await office.write()
    await office.teller.round()
    await office.later(15)
    assert office.states() == ["sending"]
    office.carrier.reachable = True
    await office.later(30)
    assert (office.states(), len(office.carrier.sent)) == (["accepted"], 2)


async def test_a_refusal_is_tried_again_or_is_the_end(office: Office) -> None:
    office.carrier.answers = [
        Refused("carrier_limit_minute", retryable=True, after_s=60, elsewhere=True),
        Refused("number_invalid", retryable=False),
    ]
    await office.write(CONTACTS)
    await office.teller.round()
    assert sorted(office.states()) == ["failed", "waiting"]
    await office.later(59)
    assert sorted(office.states()) == ["failed", "waiting"]
    await office.later(1)
    assert sorted(office.states()) == ["accepted", "failed"]


async def test_a_channel_that_breaks_costs_the_others_nothing(office: Office) -> None:
    office.carrier.answers = [RuntimeError("broken")]
    await office.write(CONTACTS)
    await office.teller.round()
    assert sorted(office.states()) == ["accepted", "sending"]
    await office.later(15)
    assert office.states() == ["accepted", "accepted"]


async def test_a_journal_that_cannot_be_written_stops_no_message(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(office.journal, "_transaction", full)
        await office.write()
        await office.teller.round()
        assert len(office.carrier.took) == 1
        assert office.journal.problem == "the journal cannot be written: database or disk is full"
    assert await office.journal.record(), "as soon as there is room everything is written"
    assert office.journal.problem == ""
    office.kill()
    assert office.states() == ["accepted"]


async def test_what_is_known_of_the_devices_survives_too(office: Office) -> None:
    late = State("normal", NIGHT, NIGHT, 1, 1, raised_at=NIGHT, cleared_at=NIGHT, late=True)
    one = Remembered("co-1", late, NIGHT, "w", settled_at=NIGHT)
    await office.journal.record({(7, "co_300"): one, (8, "ch4_10"): Remembered("co-2", None, NIGHT, "w")})
    await office.journal.record({(8, "ch4_10"): None})
    office.kill()
    assert office.journal.remembered == {(7, "co_300"): one}


async def test_a_number_is_gone_with_the_record_and_the_letter_a_week_later(office: Office) -> None:
    await office.write()
    await office.teller.round()
    (letter,) = office.journal.unrecorded()
    await office.journal.record(letters=[letter.in_the_database()])
    office.kill()
    (kept,) = office.journal.letters.values()
    assert (kept.phone, kept.recorded, office.journal.unrecorded()) == ("", True, [])
    await office.journal.tidy(NIGHT + KEPT_FOR)
    assert len(office.journal.letters) == 1
    await office.journal.tidy(NIGHT + KEPT_FOR + timedelta(seconds=1))
    office.kill()
    assert office.journal.letters == {}


async def test_what_the_database_has_not_heard_of_is_never_thrown_away(office: Office) -> None:
    await office.write()
    await office.teller.round()
    await office.journal.tidy(NIGHT + 10 * KEPT_FOR)
    assert len(office.journal.unrecorded()) == 1


async def test_a_broken_journal_is_put_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database, and longer than the sixteen bytes of a head" * 40)
    journal = Journal(path, NIGHT)
    await journal.record({(1, "co_300"): Remembered("co-1", None, NIGHT, "w")})
    journal.close()
    assert (tmp_path / "journal.broken-20260115190000").exists()


async def test_a_journal_that_cannot_be_opened_stops_no_message(tmp_path: Path) -> None:
    office = Office(tmp_path / "journal.sqlite")
    office.journal.close()
    (tmp_path / "journal.sqlite").unlink()
    (tmp_path / "journal.sqlite").mkdir()
    office.restart()
    await office.write()
    await office.teller.round()
    assert office.states() == ["accepted"]
    assert office.journal.problem == "the journal cannot be opened: unable to open database file"
    office.journal.close()


async def test_a_letter_under_way_is_known_by_what_it_is_about(office: Office) -> None:
    (letter,) = await office.write()
    assert office.journal.under_way(letter.about)
    assert not office.journal.under_way((7, "co_300", 2))
    await office.teller.round()
    assert not office.journal.under_way(letter.about)
    assert office.journal.told_since(letter.about, NIGHT)
    assert not office.journal.told_since(letter.about, NIGHT + timedelta(seconds=1))


def test_the_folder_is_closed_to_others_and_used_by_one(tmp_path: Path) -> None:
    first, second = Folder(tmp_path / "standby"), Folder(tmp_path / "standby")
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o700
    assert first.lock()
    assert first.lock(), "it is ours already"
    assert not second.lock()
    first.release()
    assert second.lock()
    second.release()
    journal = Journal(first.journal, NIGHT)
    journal.close()
    assert {stat.S_IMODE(path.stat().st_mode) for path in first.path.iterdir()} == {0o600}


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(SettingsError, match=r"is open to others: chmod 700 "):
        Folder(tmp_path / "open")


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"NUANSHAO_STANDBY_DIR=.*name a folder of this account's own"):
        Folder(tmp_path / "file" / "standby")
