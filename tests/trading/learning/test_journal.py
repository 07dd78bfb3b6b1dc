"""The record of models: one row an event, the newest row is the pointer, nothing is rewritten."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing import get_context

import polars as pl
import pytest

from trading.learning.journal import Deed, Journal, Standing
from trading.market.errors import BadInput

AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(tmp_path / "models" / "history.jsonl")


def promoted(journal: Journal, model_id: str, by: str = "line") -> Standing:
    def change(now: Standing) -> Standing:
        return Standing(model_id, AT, (*filter(None, [now.model_id]), *now.before)[:3])

    return journal.record(Deed.PROMOTED, change, at=AT, model_id=model_id, by=by, why="passed")


def test_before_anything_nobody_is_champion(journal) -> None:
    """No file is the rules alone."""
    assert journal.standing() == Standing()
    assert journal.history().is_empty()


def test_each_event_is_one_row_and_the_rows_before_stay_as_they_were(journal, tmp_path) -> None:
    """The bytes of the first row are still there after the second."""
    promoted(journal, "mdl-a")
    path = tmp_path / "models" / "history.jsonl"
    first = path.read_bytes()
    promoted(journal, "mdl-b")
    assert path.read_bytes().startswith(first)
    assert journal.standing().before == ("mdl-a",)
    assert journal.history()["champion_after"].to_list() == ["mdl-a", "mdl-b"]


def test_a_row_that_a_killed_writer_left_unfinished_changes_nothing(journal, tmp_path) -> None:
    """The pointer is the newest whole row."""
    promoted(journal, "mdl-a")
    with (tmp_path / "models" / "history.jsonl").open("a") as file:
        file.write('{"at": "2026-')
    assert journal.standing().model_id == "mdl-a"
    promoted(journal, "mdl-b")
    assert [entry.model_id for entry in journal.entries()] == ["mdl-a", "mdl-b"]


@pytest.mark.parametrize(("by", "why"), [("", "because"), (" ", "because"), ("ann", ""), ("ann", "  ")])
def test_nobody_changes_anything_without_name_and_reason(journal, by: str, why: str) -> None:
    """A record of who and why is worth nothing where either may be left out."""
    with pytest.raises(BadInput, match="name and a reason"):
        journal.record(Deed.RULES_ONLY, lambda now: now, at=AT, model_id=None, by=by, why=why)
    assert journal.history().is_empty()


def test_overrides_are_what_people_did(journal) -> None:
    """What the line did is history, not an override."""
    promoted(journal, "mdl-a")
    journal.record(Deed.ROLLED_BACK, lambda _: Standing(), at=AT, model_id="mdl-a", by="ann", why="losses")
    journal.force_entry("AAA/USDT", at=AT, until=AT + timedelta(hours=4), by="bob", why="listing")
    rows = journal.history(overrides_only=True)
    assert rows.select("event", "by", "why", "symbol").rows() == [
        ("rolled_back", "ann", "losses", None),
        ("force_entry", "bob", "listing", "AAA/USDT"),
    ]
    assert journal.forced()["until"].to_list() == [AT + timedelta(hours=4)]
    assert journal.forced().schema["since"] == pl.Datetime("ms", "UTC")


def test_a_forced_entry_must_end_after_it_begins(journal) -> None:
    """The bound itself is refused."""
    with pytest.raises(BadInput, match="until must be after"):
        journal.force_entry("AAA/USDT", at=AT, until=AT, by="bob", why="x")


def _many(path) -> None:
    for n in range(20):
        promoted(Journal(path), f"mdl-{n}")


def test_two_processes_lose_no_row(tmp_path) -> None:
    """Each reads, changes and appends alone: forty promotions are forty rows, each after the one before."""
    path = tmp_path / "history.jsonl"
    workers = [get_context("fork").Process(target=_many, args=(path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    entries = Journal(path).entries()
    assert len(entries) == 40
    for before, after in pairwise(entries):
        assert after.standing.before[0] == before.standing.model_id
