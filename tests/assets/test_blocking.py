"""A check that blocks really stops what stands below it, in the same run, and the run says why."""

import dagster as dg
import polars as pl
import pytest

from interfaces.run.line import Line
from pipelines.definitions import build_defs
from pipelines.windows import days_of_history
from resources.exchange import Exchange
from resources.settings import load_settings
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.assets.tables import AT
from trading.market.errors import SluiceError
from trading.market.listing import from_frame
from trading.market.timeframes import timeframe

# What a market with crossed quotes must not reach.
BELOW_TICKERS = {
    *("liquid_symbols", "ohlcv", "instruments", "screened_symbols", "indicators", "correlations", "clusters"),
    *("market_regime", "signals", "backtest_results", "approved_symbols"),
}
FIRST_LOOK = ["markets", "validated_markets", "tickers", "liquid_symbols"]


class FourPairs(Exchange):
    """A venue of four pairs whose time stands still; `bid` of the first is as told."""

    bid: float = 99.9

    def listing(self):
        return from_frame(tables.listing()), "hand", AT

    def look(self):
        return tables.spoilt(tables.tickers(), bid=self.bid), AT

    def market_time(self):
        return AT


@pytest.fixture
def home(tmp_path):
    with settings_of(tmp_path):
        yield tmp_path


def run(exchange: Exchange, **options) -> dg.ExecuteInProcessResult:
    job = build_defs({"exchange": exchange}).resolve_job_def("research")
    return job.execute_in_process(
        instance=dg.DagsterInstance.get(),
        tags=days_of_history(AT, timeframe("15m"), 250),
        raise_on_error=False,
        **options,
    )


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def test_crossed_quotes_stop_everything_below_them(home):
    """One crossed pair: nothing is screened, fetched, signalled or approved; other branches go on.

    `sluice run` ends with the names of check and asset, not with a stack; the bad table stays for a look.
    """
    line = Line(home / "unused", load_settings().world_dir / "dagster.log")
    line._defs = build_defs({"exchange": FourPairs(bid=100.2)})
    with pytest.raises(SluiceError, match="quotes_are_not_crossed") as error:
        line.run("research", tags=days_of_history(AT, timeframe("15m"), 250))
    assert "tickers" in str(error.value)
    lake = Store().lake
    made = set(lake.assets())
    assert made & BELOW_TICKERS == set()
    assert {"markets", "validated_markets", "tickers", "trade_pool", "news_events"} <= made
    assert lake.read("tickers").filter(pl.col("bid") > pl.col("ask")).height == 1


def test_a_poisoned_pass_leaves_the_last_good_tables(home):
    """The same four pairs with an uncrossed book are screened; then today's quotes are nonsense."""
    selection = [dg.AssetKey(name) for name in FIRST_LOOK]
    sound = run(FourPairs(), asset_selection=selection)
    assert sound.success
    assert materialised(sound) == set(FIRST_LOOK)
    before = Store().lake.latest("liquid_symbols")
    assert before.rows == 4
    poisoned = run(FourPairs(bid=100.2), asset_selection=selection)
    assert not poisoned.success
    verdicts = {check.check_name: check.passed for check in poisoned.get_asset_check_evaluations()}
    assert verdicts.pop("quotes_are_not_crossed") is False
    assert set(verdicts.values()) == {True}
    assert Store().lake.latest("liquid_symbols") == before
