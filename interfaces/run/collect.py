"""From the stores of a world to the record of a run: everything read back, nothing remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from interfaces.run.options import World
from interfaces.run.record import Approved, Stage, StoryStep, UserLine
from trading.market.lineage import Version
from trading.screening.funnel import funnel_summary
from trading.store.lake import Lake
from trading.store.order_log import OrderLog

# Funnel stage -> the assets whose wall time it stands for.
_TIMED = {
    "markets": ("markets", "validated_markets"),
    "prefilter": ("tickers", "liquid_symbols"),
    "screening": ("ohlcv", "screened_symbols"),
    "backtest": ("indicators", "signals", "backtest_results"),
    "approval": ("approved_symbols",),
}


def funnel(lake: Lake, seconds: Mapping[str, float]) -> list[Stage]:
    """Return the stages of the newest pass with what each dropped and why."""
    frames = [lake.read(name) for name in ("funnel_markets", "liquid_symbols", "screened_symbols")]
    stages = [
        Stage(
            row["stage"],
            row["in"],
            row["out"],
            _spent(row["stage"], seconds),
            {reason["rule"]: reason["count"] for reason in row["reasons"]},
        )
        for row in funnel_summary(frames).to_dicts()
    ]
    return [*stages, *_decision_stages(lake, seconds)]


def _decision_stages(lake: Lake, seconds: Mapping[str, float]) -> list[Stage]:
    kept = lake.read("screened_symbols").filter(pl.col("is_kept")).select("symbol")
    # What has fallen out of the funnel is backtested as history and is no stage of it.
    verdicts = lake.read("approved_symbols").join(kept, on="symbol", how="semi")
    results = lake.read("backtest_results").join(kept, on="symbol", how="semi")
    screened, traded = kept.height, results.filter(pl.col("trades") > 0).height
    approved = int(verdicts["is_approved"].sum())
    refused = verdicts.filter(~pl.col("is_approved") & (pl.col("failed_rule") != "min_trades"))
    few = verdicts.filter(~pl.col("is_approved")).height - refused.height - (screened - traded)
    reasons = dict(refused.group_by("failed_rule").len().sort("len", descending=True).iter_rows())
    if few > 0:
        reasons["min_trades"] = few
    return [
        Stage(
            "backtest",
            screened,
            traded,
            _spent("backtest", seconds),
            {"no trade": screened - traded} if screened > traded else {},
        ),
        Stage(
            "approval",
            traded,
            approved,
            _spent("approval", seconds),
            dict(sorted(reasons.items(), key=lambda item: -item[1])),
        ),
    ]


def _spent(stage: str, seconds: Mapping[str, float]) -> float:
    return sum(seconds.get(name, 0.0) for name in _TIMED.get(stage, ()))


def approved(lake: Lake, planted: Sequence[str]) -> list[Approved]:
    """Return the approved symbols of the newest pass with their backtests, best first."""
    verdicts = lake.read("approved_symbols").filter(pl.col("is_approved"))
    rows = verdicts.select("symbol", "lineage_id").join(
        lake.read("backtest_results").drop("lineage_id"), on="symbol", maintain_order="left"
    )
    return [
        Approved(
            symbol=row["symbol"],
            lineage_id=row["lineage_id"],
            trades=row["trades"],
            win_rate=row["win_rate"],
            total_return=row["total_return"],
            total_return_2x_costs=row["total_return_2x_costs"],
            max_drawdown=row["max_drawdown"],
            profit_factor=row["profit_factor"],
            random_percentile=row["random_percentile"],
            is_planted=row["symbol"] in planted,
        )
        for row in rows.to_dicts()
    ]


def users(log: OrderLog, since: datetime) -> list[UserLine]:
    """Return every user's outcome since `since` (market time); money as exact text where the log has it."""
    trades = log.closed_trades().filter(pl.col("close_at") >= since)
    skips = log.skips().filter(pl.col("at") >= since)
    intents = log.intents().filter(
        (pl.col("created_at") >= since) & pl.col("status").is_in(["NEW", "VOID"]).not_()
    )
    lines = []
    for row in log.user_summary().sort("user_id").to_dicts():
        own = trades.filter(user_id=row["user_id"])
        reasons = skips.filter(user_id=row["user_id"]).group_by("rule").len().sort("len", descending=True)
        lines.append(
            UserLine(
                user_id=row["user_id"],
                name=row["name"],
                mode=row["mode"],
                orders=intents.filter(user_id=row["user_id"]).height,
                closed_trades=own.height,
                wins=own.filter(pl.col("pnl_quote") > 0).height,
                pnl_quote=f"{own['pnl_quote'].sum():.4f}",
                open_positions=row["open_trades"],
                skips=dict(reasons.iter_rows()),
            )
        )
    return lines


def equity(log: OrderLog, since: datetime) -> dict[str, list[tuple[str, float]]]:
    """Return, for each user, the P&L summed after each closed trade (quote units, market time)."""
    trades = log.closed_trades().filter(pl.col("close_at") >= since).sort("close_at")
    curves: dict[str, list[tuple[str, float]]] = {}
    for (user,), own in sorted(trades.partition_by("user_id", as_dict=True).items()):
        total = own["pnl_quote"].cum_sum()
        curves[str(user)] = [
            (at.isoformat(), value) for at, value in zip(own["close_at"], total, strict=True)
        ]
    return curves


def story(lake: Lake, log: OrderLog, since: datetime) -> list[StoryStep]:
    """Tell one closed trade whole: from the listing over signal and backtest to fill and exit."""
    trades = log.closed_trades().filter(pl.col("close_at") >= since).sort("pnl_quote", descending=True)
    if trades.is_empty():
        return []
    trade = trades.row(trades.height // 2, named=True)
    version, signal = lake.find_row(trade["signal_id"])
    return [
        *_research_steps(lake, version, signal.row(0, named=True), trade),
        *_order_steps(log, trade),
        StoryStep(
            "closed",
            trade["close_at"].isoformat(),
            f"{trade['exit_reason']}: out at {trade['close_price']:.8g}, {trade['pnl_quote']:+.4f} quote "
            f"({trade['profit_ratio']:+.2%}) after {trade['fees_quote']:.4f} of fees",
            trade["trade_id"],
        ),
    ]


def _research_steps(
    lake: Lake, version: Version, signal: Mapping[str, object], trade: Mapping[str, object]
) -> list[StoryStep]:
    _, screening = lake.find_row(str(signal["screening_id"]))
    _, approval = lake.find_row(str(trade["approval_id"]))
    verdict = approval.row(0, named=True)
    backtest_version, backtest = lake.find_row(verdict["backtest_id"])
    figures = backtest.row(0, named=True)
    days = [name for name in version.inputs if name.startswith("v-indicators")]
    bar = signal["open_time"]
    return [
        StoryStep(
            "candle",
            _iso(bar),
            f"{signal['symbol']} closed its bar at {signal['close']:.8g}",
            days[0] if days else None,
        ),
        StoryStep(
            "screened", _iso(version.created_at), str(screening["reason"][0]), str(signal["screening_id"])
        ),
        StoryStep(
            "backtested",
            _iso(backtest_version.created_at),
            f"{figures['trades']} trades, {figures['win_rate']:.0%} won, "
            f"{figures['total_return']:+.1%} after costs, deepest fall {figures['max_drawdown']:.1%}",
            verdict["backtest_id"],
        ),
        StoryStep(
            "approved", _iso(backtest_version.created_at), str(verdict["reason"]), str(trade["approval_id"])
        ),
        StoryStep("signal", _iso(bar), str(signal["reason"]), str(trade["signal_id"])),
    ]


def _order_steps(log: OrderLog, trade: Mapping[str, object]) -> list[StoryStep]:
    intents = log.intents().filter(trade_id=trade["trade_id"]).sort("created_at")
    fills = log.fills().filter(trade_id=trade["trade_id"]).sort("at")
    steps = []
    for intent in intents.to_dicts():
        steps.append(
            StoryStep(
                f"{intent['side']} order",
                _iso(intent["created_at"]),
                f"{intent['amount']:.8g} at {intent['price']:.8g} ({intent['type']}), "
                f"for user {intent['user_id']}: {intent['status'].lower()}",
                intent["intent_id"],
            )
        )
        for fill in fills.filter(coid=intent["coid"]).to_dicts():
            what = f"{fill['amount']:.8g} at {fill['price']:.8g}, fee {fill['fee']:.8g} {fill['fee_asset']}"
            steps.append(StoryStep("fill", _iso(fill["at"]), what, intent["intent_id"]))
    return steps


def _iso(at: object) -> str:
    return at.astimezone(UTC).isoformat() if isinstance(at, datetime) else str(at)


def kept(lake: Lake, table: str) -> list[str]:
    """Return the symbols that a funnel table kept, sorted."""
    return lake.read(table).filter(pl.col("is_kept"))["symbol"].sort().to_list()


def planted(lake: Lake, about: Mapping[str, object]) -> list[str]:
    """Return the symbols in which the market's maker declares a planted edge, by unified name."""
    declared = about.get("edge_symbols") or []
    listing = lake.read("markets").filter(pl.col("exchange_id").is_in(declared))
    return listing["symbol"].sort().to_list()


def market_sentence(about: Mapping[str, object], world: World) -> str:
    """Say in one sentence what market this was and what is planted in it."""
    if world.exchange == "mexc":
        return "MEXC's public data"
    if world.candles is not None:
        name = Path(world.candles).name
        return f"real candles from {name}, served by the embedded exchange; nothing is planted"
    base = f"a synthetic market of {world.symbols:,} pairs (seed {world.seed}) on the embedded exchange"
    declared = about.get("edge_symbols")
    if world.edge and isinstance(declared, list):
        return f"{base}; DECLARED: a mean-reversion edge is planted in {len(declared)} of them"
    return f"{base}; no edge is planted"


def fills(log: OrderLog, since: datetime) -> int:
    """Return how many executions were booked since `since` (market time)."""
    return log.fills().filter(pl.col("at") >= since).height


def orders(log: OrderLog, since: datetime) -> int:
    """Return how many orders were sent since `since` (market time)."""
    sent = pl.col("status").is_in(["NEW", "VOID"]).not_()
    return log.intents().filter(sent & (pl.col("created_at") >= since)).height


def closed(log: OrderLog, since: datetime) -> int:
    """Return how many round trips have ended since `since` (market time)."""
    return log.closed_trades().filter(pl.col("close_at") >= since).height


@dataclass(frozen=True, slots=True)
class ScanFigures:
    """What the candle scan of one run asked for and how long it took (wall seconds)."""

    requests: int
    seconds: float
    http_429: int


def scan_figures(lake: Lake, run_id: str) -> ScanFigures:
    """Read the figures of one run's candle scan; zeros if it fetched nothing."""
    rows = lake.history("candle_scans").filter(run_id=run_id)
    if rows.is_empty():
        return ScanFigures(0, 0.0, 0)
    row = rows.row(-1, named=True)
    return ScanFigures(row["requests"], row["seconds"], row["http_429"])


def model(lake: Lake) -> dict[str, object]:
    """Return the newest verdict on a model: verdict, reason, who is champion, and the table of rules."""
    frame, candidate = lake.read("model_evaluation"), lake.read("model_candidate").row(0, named=True)
    told, now = frame.row(0, named=True), lake.read("champion").row(0, named=True)
    verdict = {
        "verdict": told["verdict"],
        "reason": told["verdict_reason"],
        "kind": told["chosen"],
        "model_id": told["candidate_id"],
        "champion_id": now["model_id"],
        "rows": candidate["decisions"],
    }
    rules = frame.select("model", "rule", "value", "comparison", "bound", "is_passed")
    named = pl.concat_str("model", "rule", separator=" ", ignore_nulls=True)
    return {**verdict, "table": rules.with_columns(rule=named).to_dicts()}
