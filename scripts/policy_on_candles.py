"""Teach policies on candles and print what the gate says: `scripts/policy_on_candles.py PATH [--register]`.

The line's signals, features, fills and costs; the probability of each signal by a logistic regression fitted
to decisions which had ended before (in ten blocks of time). Nothing is kept, but with --register a policy
that passed every rule, in the world of the settings: the line then asks it beside its champion.
"""

import sys
from dataclasses import replace

import numpy as np
import polars as pl

from trading.backtest.block import candle_block
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.line import LineRun
from trading.indicators.table import indicator_table
from trading.learning.candles import candle_labels
from trading.learning.deep.lesson import Learning, Lesson
from trading.learning.deep.policy_gate import POLICY_RULES, PolicyEvaluation, evaluate_policy
from trading.learning.models import fit_classifier
from trading.learning.protocol.market_sets import bar_name, read_market
from trading.market.errors import SluiceError
from trading.market.timeframes import TIMEFRAMES
from trading.risk.exits import ExitRules
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.generate import signal_rows
from trading.signals.strategy import SignalRules
from trading.xray.regime import market_regime

_BLOCKS = 10
_MARKETS = pl.DataFrame(schema={"symbol": pl.String, "taker_fee": pl.Float64})


def lesson_of(path: str) -> Lesson:
    """Return the lesson of a file: features at every bar, and every signal that could have a probability."""
    candles = read_market(path)
    bar_ms = TIMEFRAMES[bar_name(candles)].ms
    rows = signal_rows(
        indicator_table(candles), SignalRules(), regime=market_regime(candles), timeframe=bar_name(candles)
    )
    block, exits, costs = candle_block(candles, bar_ms), ExitRules(), CostModel()
    table = symbol_costs(block.symbols, _MARKETS, costs)
    nothing = np.zeros(len(block.candles), np.bool_)
    job = LineRun(block, table, exits, costs.stake_quote, 0.01, 0.0).job(nothing, nothing)
    known = block.candles.select("symbol", "open_time").with_row_index("row")
    asked = known.join(rows, on=["symbol", "open_time"], how="left", maintain_order="left")
    features = asked.select(pl.col(name).cast(pl.Float64) for name in FEATURES).to_numpy()
    named = rows.filter("is_candidate").with_columns(
        lineage_id=pl.format("{}@{}", "symbol", pl.col("open_time").dt.epoch("ms"))
    )
    labels = candle_labels(candles, named, _MARKETS, exits, costs, bar_ms=bar_ms)
    labels = labels.join(known, left_on=["symbol", "bar_time"], right_on=["symbol", "open_time"])
    labels = labels.sort("decided_at", "signal_id")
    place = labels["row"].to_numpy().astype(np.int64)
    probability = np.full(len(block.candles), np.nan)
    probability[place] = _said(labels, features[place])
    signals = place[np.isfinite(probability[place])]
    return Lesson(job, features, tuple(FEATURES), np.nan_to_num(probability, nan=0.5), signals)


def _said(labels: pl.DataFrame, x: np.ndarray) -> np.ndarray:
    """Return the probability of a gain, fitted to what had ended before the block began; NaN in the first."""
    begin, end = (labels[name].dt.epoch("ms").to_numpy() for name in ("decided_at", "closed_at"))
    gains, out = (labels["net_return"].to_numpy() > 0).astype(np.int64), np.full(len(labels), np.nan)
    for block in np.array_split(np.arange(len(labels)), _BLOCKS)[1:]:
        before = np.flatnonzero(end < begin[block[0]])
        if len(before) >= 50 and len(np.unique(gains[before])) == 2:
            model = fit_classifier("logistic", x[before], gains[before], np.ones(len(before)))
            out[block] = model.predict(x[block])
    return out


def main(path: str, *, is_kept: bool = False) -> None:
    """Print verdict, the gate's table, the policy beside simple things; keep it if asked and passed."""
    lesson = lesson_of(path)
    print(f"{len(lesson.signals):,} signals, {len(lesson.features):,} candles")
    found = evaluate_policy(
        lesson, Learning(), replace(POLICY_RULES, fold_days=0),
        update=lambda done, of: print(f"\r{done}/{of} policies", end="", file=sys.stderr, flush=True),
    )  # fmt: skip
    print(file=sys.stderr)
    print(f"{found.verdict}: {found.reason}")
    print("total return of each seed:", ", ".join(f"{each:+.2%}" for each in sorted(found.seeds)))
    with pl.Config(tbl_rows=-1, tbl_width_chars=140, fmt_str_lengths=60, tbl_hide_dataframe_shape=True):
        print(found.table.drop("model", "reason"))
        print(found.baselines)
    if found.fit is not None:
        print(f"weight beside the rules {found.fit.weight:.3g}, p {found.fit.p_value:.3g}")
    if is_kept:
        _register(found)


def _register(found: PolicyEvaluation) -> None:
    from resources.learning import Learning as Kept
    from resources.store import Store

    try:
        name = Kept().policies.register(found, Store().as_of(), feature_version=FEATURE_VERSION, by="script")
    except SluiceError as error:
        sys.exit(f"not registered: {error}")
    print(f"registered: {name}")


if __name__ == "__main__":
    main(sys.argv[1], is_kept="--register" in sys.argv[2:])
