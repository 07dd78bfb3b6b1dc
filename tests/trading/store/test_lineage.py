"""Lineage both ways over one whole chain of real ids, and what it says when something is not as recorded."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest

from tests.trading.store.lineage_world import AT, BAR, SYMBOL, Chain, build, candles, copy
from trading.market.errors import BadInput, NoVersion
from trading.store.lineage.checks import GREW, VERIFIED
from trading.store.lineage.node import Node
from trading.store.lineage.resolve import Lineage


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Iterator[Chain]:
    built = build(tmp_path_factory.mktemp("world"))
    yield built
    built.log.close()


@pytest.fixture
def chain(original, tmp_path) -> Iterator[Chain]:
    copied = copy(original, tmp_path)
    yield copied
    copied.log.close()


@pytest.fixture
def lineage(chain) -> Lineage:
    return Lineage(chain.lake, chain.candles, chain.log)


def under(node: Node) -> Iterator[Node]:
    for child in (*node.made_from, *node.led_to):
        yield child
        yield from under(child)


def ids(node: Node, *, full: bool = False) -> set[str]:
    return {found.id for found in under(node) if not (full and found.is_repeat)}


def one(node: Node, found_id: str) -> Node:
    return next(found for found in under(node) if found.id == found_id and not found.is_repeat)


def day_checks(chain: Chain, lineage: Lineage) -> list[str | None]:
    found = lineage.trace(chain.entry, verify=True)
    return [one(found, day).check for day in chain.days]


def test_a_trade_leads_back_to_every_day_of_candles(chain, lineage):
    """Orders, set, signal, approval, backtest, screening, and both days are told in full."""
    found = lineage.trace(chain.trade)
    expected = {
        chain.entry_intent, chain.exit_intent, chain.signal_set, chain.entry, chain.approval, chain.backtest,
        chain.screening, *chain.days,
    }  # fmt: skip
    assert expected <= ids(found, full=True)
    assert {"f1", "f2"} <= ids(found)


def test_a_signal_leads_forward_to_set_order_fill_trade_and_exit(chain, lineage):
    """In that order, each under the one before; the user who did not follow is told with the rule."""
    (batch,) = [node for node in lineage.trace(chain.entry).led_to if node.id == chain.signal_set]
    intent, skipped = batch.led_to
    fill, trade = intent.led_to
    (close,) = trade.led_to
    assert [intent.id, fill.id, trade.id, close.id] == [
        chain.entry_intent,
        "f1",
        chain.trade,
        chain.exit_intent,
    ]
    assert [node.id for node in close.led_to] == ["f2"]
    assert skipped.facts == {"u2": "holds 3 of 3"}
    assert "not followed by 1: max_positions 1" in skipped.what


def test_a_signal_leads_forward_to_the_backtest_it_was_tested_in(chain, lineage):
    """The row of the same pair in the version made from the signals, and its approval."""
    found = lineage.trace(chain.entry)
    assert {chain.backtest, chain.approval} <= ids(found)


def test_a_signal_that_was_not_handed_over_led_to_no_set(chain, lineage):
    """The exit row stood in no signal set."""
    assert not any(node.kind == "signal set" for node in lineage.trace(chain.exit_row).led_to)


def test_an_approval_leads_forward_to_the_trade(chain, lineage):
    """Approvals are carried by the same sets."""
    assert chain.trade in ids(lineage.trace(chain.approval))


def test_a_screening_leads_forward_to_the_signals_and_on_to_fills(chain, lineage):
    """Every signal names its screening."""
    found = lineage.trace(chain.screening)
    assert {chain.entry, chain.exit_row, chain.trade, "f1"} <= ids(found)


def test_a_screening_row_rests_on_the_ticker_of_its_own_symbol(chain, lineage):
    """Of two tickers, the one of the pair."""
    found = lineage.trace(chain.screening)
    tickers = [node for node in found.made_from if node.kind == "ticker"]
    assert [node.facts["symbol"] for node in tickers] == [SYMBOL]


def test_a_day_of_candles_leads_forward_to_every_table_and_set_made_from_it(chain, lineage):
    """ohlcv_days, screening, indicators, signals, backtests and approvals, each told in full once."""
    found = lineage.trace(chain.days[0])
    assets = [node.facts["asset"] for node in under(found) if node.facts]
    assert sorted(assets) == sorted(
        ["ohlcv_days", "screened_symbols", "indicators", "signals", "backtest_results", "approved_symbols"]
    )


def test_a_version_leads_forward_to_the_signal_set_made_from_it(chain, lineage):
    """The set's body names the versions it was decided from."""
    version = chain.lake.latest("signals").version_id
    assert chain.signal_set in {node.id for node in lineage.trace(version).led_to}


def test_a_version_tells_code_parameters_and_content(chain, lineage):
    """What made it and what it holds."""
    record = chain.lake.latest("screened_symbols")
    facts = lineage.trace(record.version_id).facts
    assert facts["params"] == {"min_volatility": 0.001}
    assert (facts["content_hash"], facts["code_version"]) == (record.content_hash, record.code_version)


def test_tables_are_verified_on_the_way_and_days_only_when_asked(chain, lineage):
    """Comparing a day reads all its bars."""
    plain, thorough = lineage.trace(chain.entry), lineage.trace(chain.entry, verify=True)
    signals = chain.lake.latest("signals").version_id
    assert one(plain, signals).check == VERIFIED
    assert one(plain, chain.days[0]).check is None
    assert [one(thorough, day).check for day in chain.days] == [VERIFIED, VERIFIED]


def test_a_day_that_went_on_growing_is_still_verified(chain, lineage):
    """Bars that closed after the record are no change to what was read."""
    chain.candles.append("15m", candles(datetime(2026, 1, 6, tzinfo=UTC), 40), tag="later")
    assert day_checks(chain, lineage) == [VERIFIED, GREW]


def test_a_day_to_which_another_pair_was_added_is_still_verified(chain, lineage):
    """A later pass fetched older bars of a pair that had not survived before."""
    chain.candles.append("15m", candles(datetime(2026, 1, 5, tzinfo=UTC), 96, ("NEW/USDT",)), tag="later")
    assert day_checks(chain, lineage) == [GREW, VERIFIED]


def test_a_bar_that_was_rewritten_shows_as_changed(chain, lineage):
    """One close of the first day differs from what was recorded: one of 192 bars."""
    day = candles(datetime(2026, 1, 5, tzinfo=UTC), 1, (SYMBOL,)).with_columns(close=pl.lit(9.5))
    chain.candles.append("15m", day, tag="rewrite")
    assert day_checks(chain, lineage) == ["changed since: 1 of its 192 bars rewritten", VERIFIED]


def test_a_rewrite_that_was_compacted_away_still_shows_as_changed(chain, lineage):
    """What it held is lost then; that it is another is not."""
    day = candles(datetime(2026, 1, 5, tzinfo=UTC), 1, (SYMBOL,)).with_columns(close=pl.lit(9.5))
    chain.candles.append("15m", day, tag="rewrite")
    chain.candles.compact("15m", "2026-01-05")
    assert day_checks(chain, lineage) == ["changed since: 192 rows then, 192 now", VERIFIED]


def test_a_day_whose_files_are_gone_says_so(chain, lineage):
    """The record outlives its bars."""
    for path in chain.lake.root.glob("candles/timeframe=15m/date=2026-01-05/part-*"):
        path.unlink()
    assert day_checks(chain, lineage) == ["gone", VERIFIED]


def test_a_table_that_was_tampered_with_shows_as_changed(chain, lineage):
    """The reason in the signals' file is not the one that was hashed."""
    path = chain.lake.data_path("signals")
    chain.lake.read("signals").with_columns(reason=pl.lit("because")).write_parquet(path)
    version = chain.lake.latest("signals").version_id
    assert one(lineage.trace(chain.trade), version).check.startswith("changed since")


def test_a_record_that_was_altered_shows_as_altered(chain, lineage):
    """An id follows from the record; other parameters give another id."""
    record = chain.lake.data_path("screened_symbols").with_name("version.json")
    record.write_text(record.read_text().replace("0.001", "0.002"))
    version = chain.lake.latest("screened_symbols").version_id
    assert lineage.trace(version).check.startswith("record altered")


def test_a_version_whose_data_is_gone_says_so(chain, lineage):
    """The record may outlive its rows."""
    chain.lake.data_path("indicators").unlink()
    version = chain.lake.latest("indicators").version_id
    assert one(lineage.trace(chain.entry), version).check == "gone"


def test_each_version_is_told_in_full_once(chain, lineage):
    """Signals, indicators and screening all rest on the same days."""
    found = lineage.trace(chain.trade)
    for asset in ("ohlcv_days", "signals", "screened_symbols"):
        version = chain.lake.latest(asset).version_id
        told = [node.is_repeat for node in under(found) if node.id == version]
        assert told.count(False) == 1, asset


@pytest.mark.parametrize("name", ["trade", "entry", "signal_set", "entry_intent"])
def test_a_beginning_that_only_one_id_has_is_enough(chain, lineage, name):
    """A person copies what fits."""
    full = getattr(chain, name)
    assert lineage.trace(full[:-3]).id == full


def test_a_beginning_that_fits_several_is_refused_with_the_ids_it_fits(chain, lineage):
    """Both rows of signals begin with the same version."""
    with pytest.raises(BadInput) as error:
        lineage.trace(chain.entry[:-12])
    assert chain.entry in str(error.value)
    assert chain.exit_row in str(error.value)


def test_a_client_order_id_finds_its_intent(chain, lineage):
    """It is what the exchange shows."""
    assert lineage.trace(chain.coid).id == chain.entry_intent


@pytest.mark.parametrize(
    "unknown", ["", "nonsense", "xyz-0123456789abcdef-0123456789ab", "sig-0", "v-", "AAA/USDT"]
)
def test_what_is_no_id_is_answered_with_the_known_prefixes(lineage, unknown):
    """One sentence that helps."""
    with pytest.raises(NoVersion) as error:
        lineage.trace(unknown)
    for prefix in ("v-", "scr-", "sig-", "bt-", "app-", "set-", "int-", "trd-"):
        assert prefix in str(error.value)


@pytest.mark.parametrize(
    "missing",
    ["sig-0123456789abcdef-0123456789ab", "trd-0123456789abcdef-0123456789ab", "v-signals-0123456789abcdef"],
)
def test_a_well_formed_id_that_nobody_published_is_named(lineage, missing):
    """It may belong to another world."""
    with pytest.raises(NoVersion, match=missing[2:]):
        lineage.trace(missing)


def test_a_world_without_an_order_log_still_answers_for_its_tables(chain):
    """Nothing was traded there."""
    found = Lineage(chain.lake, chain.candles, None).trace(chain.entry)
    assert chain.days[0] in ids(found)
    assert chain.signal_set not in ids(found)


def test_a_row_whose_ancestors_are_gone_tells_what_is_left(chain, lineage):
    """A pruned lake is no reason for an error."""
    folder = chain.lake.data_path("screened_symbols").parent
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    found = lineage.trace(chain.entry)
    assert one(found, chain.screening).check == "gone"


def test_times_are_market_time(chain, lineage):
    """A trade stands at its close, an intent when it was written, a signal at its bar."""
    found = lineage.trace(chain.trade)
    assert found.at == datetime(2026, 1, 6, 7, tzinfo=UTC)
    assert one(found, chain.entry_intent).at == AT
    assert one(found, chain.entry).at == datetime(2026, 1, 6, 5, 45, tzinfo=UTC)


def test_many_signals_behind_one_backtest_are_told_as_a_group_with_their_origin(chain, lineage):
    """Six rows in one line, and why the pair was there at all."""
    signals = chain.lake.latest("signals")
    row = chain.lake.read("signals").head(1).drop("lineage_id")
    many = pl.concat(
        [row.with_columns(open_time=pl.lit(AT + BAR * k).cast(pl.Datetime("ms", "UTC"))) for k in range(6)]
    )
    newer = chain.lake.publish("signals", many, key=["symbol", "open_time"], at=AT, inputs=signals.inputs)
    metrics = chain.lake.read("backtest_results").drop("lineage_id")
    tested = chain.lake.publish("backtest_results", metrics, key=["symbol"], at=AT, inputs=[newer.version_id])
    backtest = chain.lake.read("backtest_results", tested.version_id)["lineage_id"][0]
    (group,) = [node for node in lineage.trace(backtest).made_from if node.kind == "rows"]
    assert "6 rows of signals" in group.what
    assert [node.id for node in group.made_from] == [chain.screening]
    (forward,) = [node for node in lineage.trace(chain.screening).led_to if node.kind == "rows"]
    assert len(forward.facts["lineage_ids"]) == 6


def test_a_trade_leads_forward_to_the_pool_that_it_taught_and_to_the_model(chain, lineage):
    """The first pool that holds its decision, and the versions made from it."""
    pool = pl.DataFrame({"signal_id": [chain.entry], "label": [True]})
    chain.lake.publish("trade_pool", pool.clear(), key=["signal_id"], at=AT)
    taught = chain.lake.publish("trade_pool", pool, key=["signal_id"], at=AT + BAR)
    verdict = pl.DataFrame({"verdict": ["refused"]})
    model = chain.lake.publish("model_candidate", verdict, key=["verdict"], at=AT, inputs=[taught.version_id])
    (lesson,) = lineage.trace(chain.trade).led_to
    assert lesson.id == taught.version_id
    assert [node.id for node in lesson.led_to] == [model.version_id]


def test_orders_of_one_set_are_told_once(chain, lineage):
    """A signal and its approval lead to the same set."""
    told = [node.is_repeat for node in under(lineage.trace(chain.entry)) if node.kind == "signal set"]
    assert told.count(False) == 1


def test_a_trade_tells_its_entry_before_its_exit(chain, lineage):
    """Both were written at the same market time."""
    orders = [node.facts["leg"] for node in lineage.trace(chain.trade).made_from if node.kind == "intent"]
    assert orders == ["open", "close"]


def test_the_chain_through_earlier_passes_is_cut_where_an_asset_comes_again(chain, lineage):
    """A thousand passes, each learning from the one before, are no answer of a thousand levels."""
    frame, before = pl.DataFrame({"n": [0]}), chain.lake.latest("indicators").version_id
    ids = []
    for n in range(30):
        pool = chain.lake.publish("training_set", frame + n, key=["n"], at=AT + BAR * n, inputs=[before])
        signals = chain.lake.publish(
            "learned", frame + n, key=["n"], at=AT + BAR * n, inputs=[pool.version_id]
        )
        before = signals.version_id
        ids.append(before)
    found = lineage.trace(ids[-1])
    (training,) = found.made_from
    (earlier,) = training.made_from
    assert (earlier.id, earlier.is_cut, earlier.made_from) == (ids[-2], True, ())
    (later,) = lineage.trace(ids[0]).led_to[0].led_to
    assert later.id == ids[1]
    assert sum(1 for _ in under(lineage.trace(ids[0]))) < 30
