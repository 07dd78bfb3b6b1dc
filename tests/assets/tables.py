"""Sound tables of every stage, small and by hand, and ways to spoil one row of them."""

from datetime import UTC, datetime, timedelta

import polars as pl

from resources.store import Store
from trading.market.frames import CANDLES, FUNNEL, TICKERS, UTC_MS
from trading.market.listing import LISTING

AT = datetime(2026, 8, 17, 12, 3, tzinfo=UTC)
BAR = timedelta(minutes=15)
NEWEST = datetime(2026, 8, 17, 11, 45, tzinfo=UTC)
NAMES = ("AAA", "BBB", "CCC", "DDD")
SYMBOLS = [f"{name}/USDT" for name in NAMES]
SMALL = {"symbol": pl.String, "open_time": UTC_MS}


def listing() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "symbol": f"{name}/USDT",
                "exchange_id": f"{name}USDT",
                "base": name,
                "quote": "USDT",
                "status": "1",
                "is_scannable": True,
                "is_api_tradable": True,
                "tick": "0.01",
                "step": "0.001",
                "min_amount": "0",
                "min_cost": "1",
                "max_cost": "100000",
                "maker_fee": "0",
                "taker_fee": "0.0005",
                "full_name": name,
            }
            for name in NAMES
        ],
        schema=LISTING,
    )


def tickers() -> pl.DataFrame:
    rows = [
        (symbol, AT, 100.0, 99.9, 100.1, 98.0, 103.0, 97.0, 5e4, 5e6, 0.02)
        for symbol in SYMBOLS
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TICKERS, orient="row")


def funnel(stage: str) -> pl.DataFrame:
    kept = [(symbol, stage, "passed", True, None, None, "met every rule") for symbol in SYMBOLS[:2]]
    dropped = [(symbol, stage, "volume", False, 1.0, 5.0, "1 is too little") for symbol in SYMBOLS[2:]]
    return pl.DataFrame(kept + dropped, schema=FUNNEL, orient="row")


def candles(bars: int = 10) -> pl.DataFrame:
    rows = [
        (symbol, NEWEST - n * BAR, 100.0, 102.0, 99.0, 101.0, 5.0, 500.0)
        for symbol in SYMBOLS
        for n in range(bars)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def ohlcv_days(timeframe: str = "15m") -> pl.DataFrame:
    row = {"timeframe": timeframe, "date": "2026-08-17", "version_id": "v", "content_hash": "c", "bars": 40}
    return pl.DataFrame([row])


def instruments() -> pl.DataFrame:
    row = {"symbol": "BTC/USDT", "instrument_id": "BTC/USDT#20260801T0000", "start": AT, "end": None}
    return pl.DataFrame([row | {"reason": "first_seen"}], schema_overrides={"end": pl.Datetime("ms", "UTC")})


def candles_tidied() -> pl.DataFrame:
    counts = {"files_before": 9, "files_after": 1, "bars_before": 40, "bars_after": 40}
    return pl.DataFrame([{"month": "2026-07", **counts, "hash_before": "a", "hash_after": "a"}])


def indicators() -> pl.DataFrame:
    return candles(2).with_columns(
        rsi_14=pl.lit(40.0),
        adx_14=pl.lit(25.0),
        stochrsi_k=pl.lit(0.0),
        bb_lower=pl.lit(98.0),
        bb_upper=pl.lit(104.0),
        ema_200=pl.lit(None, pl.Float64),
    )


def correlations() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": SYMBOLS[:2],
            "window": [960, 96],
            "rank": [1, 1],
            "peer": SYMBOLS[2:],
            "rho": [0.9, -1.0],
            "rho_shrunk": [0.8, -0.9],
            "bars": [960, 30],
        }
    )


def correlation_alerts() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": SYMBOLS[:2],
            "peer": SYMBOLS[2:],
            "rho_before": [0.9, 0.6],
            "rho_now": [0.1, -1.0],
            "q_value": [0.0, 0.05],
        }
    )


def clusters() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": SYMBOLS,
            "cluster": [0, 0, 1, -1],
            "cluster_name": [SYMBOLS[1], SYMBOLS[1], SYMBOLS[2], None],
            "size": [2, 2, 1, 1],
        }
    )


def cluster_quality() -> pl.DataFrame:
    return pl.DataFrame(
        {"cluster": [0, 1], "stability": [0.49, 1.0], "persistence": [0.0, 1.0], "cohesion": [-1.0, 1.0]}
    )


def market_regime() -> pl.DataFrame:
    return pl.DataFrame(
        [(NEWEST - n * BAR, name) for n, name in enumerate(["calm", "normal", "turbulent", None])],
        schema={"open_time": UTC_MS, "regime": pl.String},
        orient="row",
    ).sort("open_time")


def news_events() -> pl.DataFrame:
    return pl.DataFrame({"item_id": ["a", "b"], "title": ["up", "down"], "score": [1.0, -1.0]})


def trade_pool() -> pl.DataFrame:
    return pl.DataFrame(
        [("sig-1", "paper", AT - 3 * BAR, AT - BAR), ("sig-2", "paper", AT - BAR, AT - BAR)],
        schema={"signal_id": pl.String, "source": pl.String, "opened_at": UTC_MS, "closed_at": UTC_MS},
        orient="row",
    ).with_columns(net_return=pl.Series([0.1, 0.2]))


def decision_snapshots() -> pl.DataFrame:
    """One handed over and one explored, decided at the close of the newest bar."""
    return pl.DataFrame(
        [
            ("dec-1", "AAA/USDT", NEWEST, NEWEST + BAR, True, False, 1.0),
            ("dec-2", "BBB/USDT", NEWEST, NEWEST + BAR, False, True, 0.05),
        ],
        schema=["decision_id", "symbol", "bar_time", "decided_at", "is_taken", "is_explored", "propensity"],
        orient="row",
    ).with_columns(pl.col("bar_time", "decided_at").cast(UTC_MS))


def decision_outcomes() -> pl.DataFrame:
    """One decision on paper and on candles, an explored one on paper; the last is known just now."""
    return pl.DataFrame(
        [
            ("dec-1", "paper", AT - 3 * BAR, AT - BAR, False),
            ("dec-1", "candles", AT - 3 * BAR, AT - BAR, False),
            ("dec-2", "paper", AT - 3 * BAR, AT, True),
        ],
        schema=["decision_id", "source", "decided_at", "closed_at", "is_explored"],
        orient="row",
    ).with_columns(pl.col("decided_at", "closed_at").cast(UTC_MS))


def training_set() -> pl.DataFrame:
    return trade_pool().with_columns(closed_at=pl.lit(AT, UTC_MS))


def model_candidate() -> pl.DataFrame:
    row = {"evaluation_id": "evl-1", "model_id": None, "kind": None}
    return pl.DataFrame([row], schema_overrides=dict.fromkeys(row, pl.String))


def champion() -> pl.DataFrame:
    row = {"state": "none", "reason": "rules alone", "model_id": None, "since": None}
    return pl.DataFrame([row], schema_overrides={"model_id": pl.String, "since": UTC_MS})


def predictions() -> pl.DataFrame:
    rows = [("mdl-1", "dec-1", "AAA/USDT", NEWEST, 0.0), ("mdl-1", "dec-2", "BBB/USDT", NEWEST, 1.0)]
    schema = {"model_id": pl.String, "decision_id": pl.String, **SMALL, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def prediction_outcomes() -> pl.DataFrame:
    moments = {"decided_at": pl.lit(AT - BAR, UTC_MS), "closed_at": pl.lit(AT, UTC_MS)}
    return predictions().with_columns(**moments, net_return=pl.Series([0.1, None], dtype=pl.Float64))


def model_drift() -> pl.DataFrame:
    rows = [("psi", "f_rsi", 0.26, 0.25, True), ("live_loss", None, 0.0, 0.0, False)]
    return pl.DataFrame(rows, schema=["figure", "feature", "value", "bound", "is_alarm"], orient="row")


def trading_policy() -> pl.DataFrame:
    named = dict.fromkeys(("policy_id", "shadow_id", "asked_id"))
    return pl.DataFrame([{"verdict": "none"} | named], schema_overrides=dict.fromkeys(named, pl.String))


def model_evaluation(verdict: str = "promoted") -> pl.DataFrame:
    rows = [
        (None, "enough decisions", True),
        ("logistic", "beats random", True),
        ("boosting", "beats random", False),
    ]
    schema = {"model": pl.String, "rule": pl.String, "is_passed": pl.Boolean}
    told = {"verdict": verdict, "chosen": "logistic", "candidate_id": None}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.lit(value, pl.String).alias(name) for name, value in told.items())


def signals() -> pl.DataFrame:
    return pl.DataFrame(
        [("AAA/USDT", NEWEST, True, True, 1.0), ("BBB/USDT", NEWEST, False, True, 0.0)],
        schema=SMALL | {"is_entry": pl.Boolean, "is_candidate": pl.Boolean, "score": pl.Float64},
        orient="row",
    )


def backtest_trades() -> pl.DataFrame:
    return pl.DataFrame(
        [
            ("AAA/USDT", NEWEST - 5 * BAR, NEWEST - 4 * BAR, NEWEST),
            ("BBB/USDT", NEWEST - BAR, NEWEST, NEWEST),
        ],
        schema={"symbol": pl.String, "signal_time": UTC_MS, "open_time": UTC_MS, "close_time": UTC_MS},
        orient="row",
    )


def backtest_universe() -> pl.DataFrame:
    return candles(10).select(
        "symbol", "open_time", is_member=pl.lit(value=True), rule=pl.lit("passed"), source=pl.lit("rebuilt")
    )


def approved_symbols() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": SYMBOLS[:2],
            "is_approved": [True, False],
            "reason": ["met every rule", "too few trades"],
            "backtest_id": ["bt-1", "bt-2"],
        }
    )


def live_against_backtest() -> pl.DataFrame:
    def row(user_id: str, mode: str, trades: int, drift: str = "too few") -> dict[str, object]:
        told = {"user_id": user_id, "mode": mode, "trades": trades, "fill_rate": 1.0, "hit_rate": 0.5}
        return told | {"expected_hit_rate": 0.6, "drift": drift, "drift_words": drift}

    rows = [
        row("(fleet)", "paper", 3),
        row("(fleet)", "live", 0),
        row("u1", "paper", 2),
        row("u2", "paper", 1),
    ]
    return pl.DataFrame(rows)


def missed_trades() -> pl.DataFrame:
    told = {"mode": "paper", "way": "skipped", "rule": "held", "cause": "held_already", "reason": "has it"}
    return pl.DataFrame([told | {"signals": 1, "users": 2, "times": 2}])


def slippage_by_place() -> pl.DataFrame:
    rows = [("paper", place, 3, place / 1e4) for place in range(3)]
    return pl.DataFrame(rows, schema=["mode", "place", "entries", "behind_first"], orient="row")


SOUND = {
    "markets": listing,
    "validated_markets": listing,
    "tickers": tickers,
    "liquid_symbols": lambda: funnel("prefilter"),
    "screened_symbols": lambda: funnel("screening"),
    "ohlcv_days": ohlcv_days,
    "candles_tidied": candles_tidied,
    "instruments": instruments,
    "indicators": indicators,
    "correlations": correlations,
    "correlation_alerts": correlation_alerts,
    "clusters": clusters,
    "cluster_quality": cluster_quality,
    "market_regime": market_regime,
    "news_events": news_events,
    "trade_pool": trade_pool,
    "decision_snapshots": decision_snapshots,
    "decision_outcomes": decision_outcomes,
    "training_set": training_set,
    "model_candidate": model_candidate,
    "model_evaluation": model_evaluation,
    "trading_policy": trading_policy,
    "champion": champion,
    "predictions": predictions,
    "prediction_outcomes": prediction_outcomes,
    "model_drift": model_drift,
    "signals": signals,
    "backtest_trades": backtest_trades,
    "backtest_universe": backtest_universe,
    "approved_symbols": approved_symbols,
    "live_against_backtest": live_against_backtest,
    "missed_trades": missed_trades,
    "slippage_by_place": slippage_by_place,
}


def publish(store: Store, asset: str, frame: pl.DataFrame, at: datetime = AT) -> None:
    """Publish whatever it is: rows are told apart by their place, so repeated keys get in, too."""
    numbered = frame.with_row_index("numbered")
    store.lake.publish(asset, numbered, key=["numbered"], at=at)


def publish_sound(store: Store) -> None:
    """Publish every table of a pass at which nothing is wrong."""
    for asset, make in SOUND.items():
        publish(store, asset, make())
    store.candles.append("15m", candles(), tag="sound")


def spoilt(frame: pl.DataFrame, row: int = 0, **values: object) -> pl.DataFrame:
    """Return `frame` with one row changed."""
    return frame.with_row_index("row_").with_columns(
        pl.when(pl.col("row_") == row)
        .then(pl.lit(value, frame.schema[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in values.items()
    )[frame.columns]
