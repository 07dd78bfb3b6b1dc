"""The check that says before the live job what of an approval no signal set can carry."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import backtest
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from trading.risk.exits import ExitRules


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with settings_of(tmp_path):
        yield Store()


def published(store: Store, params: dict[str, object], approved: pl.DataFrame) -> dg.AssetCheckResult:
    """Publish a pass made with `params` and ask the check."""
    made = pl.DataFrame({"symbol": ["AAA/USDT"]})
    store.lake.publish("backtest_results", made, key=["symbol"], at=tables.AT, params=params)
    tables.publish(store, "approved_symbols", approved)
    found = backtest.approvals_can_be_handed_over(store=store)
    assert isinstance(found, dg.AssetCheckResult)
    return found


def test_approvals_that_no_set_carries_are_a_warning(store: Store) -> None:
    """The line goes on, but somebody reads why nothing will be traded: a rule that nobody here knows."""
    params: dict[str, object] = {"ExitRules": asdict(ExitRules()) | {"sold_parts": [[0.02, 0.5]]}}
    found = published(store, params, tables.approved_symbols())
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "sold_parts" in str(found.metadata["refused"].value)
    none = tables.approved_symbols().with_columns(is_approved=pl.lit(value=False))
    assert published(store, params, none).passed


@pytest.mark.parametrize(
    "exits",
    [
        ExitRules(),
        ExitRules(trailing_stop=0.02, use_exit_signal=True),
        ExitRules(0.04, None, ladder=((0, 1),)),
    ],
)
def test_what_a_set_carries_passes(store: Store, exits: ExitRules) -> None:
    """Stop, target, hold, trailing stop, exit signals and ladder travel."""
    assert published(store, store.params(exits), tables.approved_symbols()).passed
