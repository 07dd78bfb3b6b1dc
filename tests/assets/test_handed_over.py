"""The check that says before the live job what of an approval no signal set can carry."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import backtest
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from trading.risk.exits import ExitRules

CARRIED = ExitRules(use_exit_signal=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with settings_of(tmp_path):
        yield Store()


def published(store: Store, exits: ExitRules, approved: pl.DataFrame) -> dg.AssetCheckResult:
    """Publish a pass made with `exits` and ask the check."""
    made = pl.DataFrame({"symbol": ["AAA/USDT"]})
    params = store.params(exits)
    store.lake.publish("backtest_results", made, key=["symbol"], at=tables.AT, params=params)
    tables.publish(store, "approved_symbols", approved)
    found = backtest.approvals_can_be_handed_over(store=store)
    assert isinstance(found, dg.AssetCheckResult)
    return found


@pytest.mark.parametrize(
    ("exits", "said"),
    [
        (ExitRules(use_exit_signal=False, trailing_stop=0.02), "a trailing stop"),
        (ExitRules(use_exit_signal=True), "exit signals"),
    ],
)
def test_approvals_that_no_set_carries_are_a_warning(store: Store, exits: ExitRules, said: str) -> None:
    """The line goes on, but somebody reads why nothing will be traded."""
    found = published(store, exits, tables.approved_symbols())
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert said in str(found.metadata["refused"].value)


def test_what_a_set_carries_passes_and_so_does_an_empty_approval(store: Store) -> None:
    """Stop, target and hold travel; where nothing was approved nothing is missed."""
    assert published(store, CARRIED, tables.approved_symbols()).passed
    none = tables.approved_symbols().with_columns(is_approved=pl.lit(value=False))
    assert published(store, ExitRules(use_exit_signal=True), none).passed
