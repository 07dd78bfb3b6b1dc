from datetime import UTC, datetime, timedelta
from time import process_time

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from trading.market.errors import BadInput, MissingData
from trading.store.lake import Lake
from trading.xray.correlation import correlation
from trading.xray.group_rules import PeerRules
from trading.xray.peers import PEERS, ROW_GROUP, peer_table, peers_at, top_peers, windows_summary

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_peers_are_the_highest_rhos_in_order(planted):
    """Against a plain sort of the matrix; nobody is his own peer."""
    market = planted(30, 200, seed=1)
    found = correlation(market.symbols, market.returns)
    peers = top_peers(found, count=5)
    assert peers.schema == pl.Schema(PEERS)
    assert len(peers) == 30 * 5
    row = found.rho[7].copy()
    row[7] = -2
    best = [market.symbols[i] for i in np.argsort(-row)[:5]]
    assert peers.filter(pl.col("symbol") == market.symbols[7])["peer"].to_list() == best
    assert not (peers["symbol"] == peers["peer"]).any()
    assert peers["bars"].unique().to_list() == [200]


def test_few_symbols_have_few_peers():
    """One symbol has none, two have each other, and pairs without a value are left out."""
    returns = np.random.default_rng(0).normal(0, 1, (3, 50))
    assert top_peers(correlation(["a"], returns[:1])).is_empty()
    assert top_peers(correlation(["a", "b"], returns[:2]))["peer"].to_list() == ["b", "a"]
    returns[2] = 0.0
    assert len(top_peers(correlation(["a", "b", "c"], returns))) == 2
    assert correlation(["a"], returns[:1]).mean() is None


def test_each_window_has_its_own_peers(planted):
    """Two symbols that came together only lately are each other's first peer in the short window alone."""
    market = planted(20, 400, seed=5)
    returns = market.returns.copy()
    returns[1, -100:] = returns[0, -100:]
    found = peer_table(market.symbols, returns, PeerRules(windows=(100, 400), count=3))
    assert found.schema == pl.Schema(PEERS)
    first = found.filter(pl.col("symbol") == market.symbols[0], pl.col("rank") == 1)
    assert first["window"].to_list() == [100, 400]
    assert first["bars"].to_list() == [100, 400]
    short, long = first.rows(named=True)
    assert (short["peer"], short["rho"]) == (market.symbols[1], pytest.approx(1.0))
    assert long["rho"] < 0.99
    # What is said about 20 symbols by 100 bars is believed less than what 400 bars say.
    assert short["rho_shrunk"] / short["rho"] < long["rho_shrunk"] / long["rho"] < 1
    assert windows_summary(found)["symbols"].to_list() == [20, 20]


def test_windows_longer_than_the_history_are_left_out(planted):
    """Never quietly another length than the column says."""
    market = planted(6, 150)
    found = peer_table(market.symbols, market.returns, PeerRules(windows=(96, 150, 151)))
    assert found["window"].unique().sort().to_list() == [96, 150]
    assert peer_table(market.symbols, market.returns[:, :50]).is_empty()
    assert peer_table([], np.zeros((0, 200))).schema == pl.Schema(PEERS)


def test_a_young_listing_has_peers_in_short_windows_only(planted):
    """Half of a window must be common; 60 of 300 bars are not."""
    market = planted(6, 300)
    market.returns[0, :-60] = np.nan
    found = peer_table(market.symbols, market.returns, PeerRules(windows=(96, 300)))
    own = found.filter(pl.col("symbol") == market.symbols[0])
    assert own["window"].unique().to_list() == [96]
    assert own["bars"].unique().to_list() == [60]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"windows": ()}, "at least 30 bars"),
        ({"windows": (96, 29)}, "at least 30 bars"),
        ({"windows": (96, 96)}, "different lengths"),
        ({"method": "kendall"}, "pearson, spearman, was 'kendall'"),
        ({"count": 0}, "count must be at least 1, was 0"),
        ({"min_bars": 2}, "min_bars must be at least 3, was 2"),
        ({"min_share": 0.0}, "min_share must be above 0 and at most 1, was 0.0"),
    ],
)
def test_rules_without_meaning_are_refused(wrong, message):
    """Messages name value and bound."""
    with pytest.raises(BadInput, match=message):
        PeerRules(**wrong)


def put(lake: Lake, frame: pl.DataFrame, at: datetime) -> None:
    lake.publish("correlations", frame, key=["symbol", "window", "peer"], at=at, row_group=ROW_GROUP)


def test_peers_are_those_known_at_the_moment(planted, tmp_path):
    """Published at noon and at two: asked between them, noon's; before noon nothing was known."""
    lake, rules = Lake(tmp_path), PeerRules(windows=(100, 200))
    first, second = planted(25, 200, seed=1), planted(25, 200, seed=2)
    put(lake, peer_table(first.symbols, first.returns, rules), NOON)
    put(lake, peer_table(second.symbols, second.returns, rules), NOON + 2 * HOUR)
    symbol = first.symbols[7]

    def best(market):
        row = np.corrcoef(market.returns)[7]
        return [market.symbols[i] for i in np.argsort(-row)[1:6]]

    assert peers_at(lake, symbol, NOON, n=5)["peer"].to_list() == best(first)
    assert peers_at(lake, symbol, NOON + HOUR, n=5)["peer"].to_list() == best(first)
    assert peers_at(lake, symbol, NOON + 2 * HOUR, n=5)["peer"].to_list() == best(second)
    assert peers_at(lake, symbol, n=5)["peer"].to_list() == best(second)
    assert peers_at(lake, symbol, window=100)["window"].unique().to_list() == [100]
    assert peers_at(lake, symbol)["window"].unique().to_list() == [200]
    with pytest.raises(MissingData, match="no correlations were known at"):
        peers_at(lake, symbol, NOON - HOUR)


def test_a_symbol_without_peers_has_none(planted, tmp_path):
    """Not looked at is no error: the x-ray of such a symbol says so. Bad questions are."""
    market = planted(5, 100)
    put(Lake(tmp_path), peer_table(market.symbols, market.returns), NOON)
    assert peers_at(Lake(tmp_path), "NONE/USDT", NOON).is_empty()
    with pytest.raises(BadInput, match="n must be at least 1, was 0"):
        peers_at(Lake(tmp_path), market.symbols[0], n=0)
    with pytest.raises(BadInput, match="must be aware"):
        peers_at(Lake(tmp_path), market.symbols[0], NOON.replace(tzinfo=None))
    with pytest.raises(MissingData, match="materialise asset correlations"):
        peers_at(Lake(tmp_path / "empty"), market.symbols[0])


def test_the_question_reads_a_fraction_of_the_table(tmp_path):
    """2,600 symbols, 3 windows, 20 peers: one or two of 39 row groups hold a symbol."""
    count, kept = 2600, 20
    names = pl.Series("symbol", [f"S{n:04d}/USDT" for n in range(count)])
    rows = np.arange(count * 3 * kept)
    frame = pl.DataFrame(
        {
            "symbol": names.gather(rows // (3 * kept)),
            "window": np.array([96, 288, 960])[rows // kept % 3],
            "rank": rows % kept + 1,
            "peer": names.gather((rows * 7919 + 1) % count),
            "rho": np.random.default_rng(0).random(len(rows)),
            "rho_shrunk": np.random.default_rng(1).random(len(rows)),
            "bars": np.full(len(rows), 96),
        }
    ).cast(PEERS)
    lake = Lake(tmp_path)
    lake.publish("correlations", frame, key=["symbol", "window", "rank"], at=NOON, row_group=ROW_GROUP)
    told = pq.ParquetFile(lake.data_path("correlations")).metadata
    bounds = [told.row_group(group).column(0).statistics for group in range(told.num_row_groups)]
    wanted = "S1234/USDT"
    assert len(bounds) == 39
    assert sum(bound.min <= wanted <= bound.max for bound in bounds) <= 2
    assert peers_at(lake, wanted, NOON).height == kept
    assert cpu(lambda: peers_at(lake, wanted, NOON)) < 0.5 * cpu(
        lambda: lake.read("correlations").sort("rho")
    )


def cpu(work, repeat: int = 5) -> float:
    """Least CPU seconds of some runs."""
    work()
    spent = []
    for _ in range(repeat):
        before = process_time()
        work()
        spent.append(process_time() - before)
    return min(spent)
