"""The screen on candles: is there enough history, trade and movement, and did RSI call."""

import polars as pl

from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.market.frames import CANDLES, FUNNEL, TICKERS, conform, empty
from trading.screening.batches import Progress, in_batches
from trading.screening.funnel import Rule, apply_rules
from trading.screening.rules import ScreeningRules

_DAY_MS = 86_400_000


def screen(
    candles: pl.DataFrame,
    tickers: pl.DataFrame,
    rules: ScreeningRules,
    *,
    markets: pl.DataFrame | None = None,
    on_batch: Progress | None = None,
) -> pl.DataFrame:
    """Return which symbols are worth a backtest, **one row per symbol in `candles`**.

    Parameters
    ----------
    candles : DataFrame of CANDLES
        Closed bars of one timeframe, up to the moment of decision.
    tickers : DataFrame of TICKERS
        The look the pre-filter used; its 24 h volume is the fallback where candles do not cover a day.
    markets : DataFrame of MARKETS, optional
        When given, references of the regime on which orders by API are refused fall here.
    on_batch : callable, optional
        Called with (symbols done, symbols in all) after each `rules.batch_size` symbols.

    Returns
    -------
    DataFrame of FUNNEL, stage "screening"
        Sorted by symbol. Independent of the batch size.
    """
    frame = conform(candles, CANDLES)
    if frame.is_empty():
        return empty(FUNNEL)
    newest, bar_ms = _newest_and_bar_ms(frame)
    by_symbol = frame.sort("symbol", "open_time").partition_by("symbol", maintain_order=True)
    batches = in_batches(by_symbol, rules.batch_size, on_batch)
    measured = [measure(pl.concat(batch), rules, newest, bar_ms) for batch in batches]
    return judge(pl.concat(measured), tickers, rules, markets=markets)


def judge(
    measured: pl.DataFrame,
    tickers: pl.DataFrame,
    rules: ScreeningRules,
    *,
    markets: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the verdicts on what `measure` found, **one row per row of `measured`**, in its order.

    Who measures batch by batch while candles still come judges once at the end; `screen` is both in one.
    Parameters and result as of `screen`.
    """
    looks = conform(tickers, TICKERS).sort("at").unique("symbol", keep="last", maintain_order=True)
    looks = looks.select("symbol", "volume_quote_24h")
    found = measured.join(looks, on="symbol", how="left", maintain_order="left").with_columns(
        # A young listing has no full day of candles: the ticker is then the better witness.
        volume=pl.when(pl.col("covers_day"))
        .then("volume_candles")
        .otherwise(pl.max_horizontal("volume_candles", "volume_quote_24h"))
    )
    if markets is not None:
        found = found.join(
            markets.select("symbol", "is_api_tradable"), on="symbol", how="left", maintain_order="left"
        )
    return apply_rules(found, screen_rules(rules, has_markets=markets is not None), "screening")


def measure(candles: pl.DataFrame, rules: ScreeningRules, newest: object, bar_ms: int) -> pl.DataFrame:
    """Return the figures the rules look at, **one row per symbol**.

    Volatility is the sample standard deviation of log returns per bar over `rules.volatility_bars`;
    RSI extremes are over `rules.rsi_within_bars`, null where RSI is still warming up.
    """
    settings = IndicatorSettings()
    table = indicator_table(candles, settings)
    rsi = pl.col(f"rsi_{settings.rsi}").tail(rules.rsi_within_bars)
    at, close = pl.col("open_time"), pl.col("close")
    last_day = at.to_physical() > at.last().to_physical() - _DAY_MS
    return table.group_by("symbol", maintain_order=True).agg(
        bars=pl.len(),
        lag_bars=(pl.lit(newest) - at.last()).dt.total_milliseconds() / bar_ms,
        covers_day=(at.last() - at.first()).dt.total_milliseconds() >= _DAY_MS - bar_ms,
        volume_candles=pl.col("quote_volume").filter(last_day).sum(),
        volatility=close.log().diff().tail(rules.volatility_bars).std(),
        idle_share=(pl.col("volume").tail(rules.volatility_bars) <= 0).mean(),
        rsi_low=rsi.min(),
        rsi_high=rsi.max(),
    )


def _newest_and_bar_ms(frame: pl.DataFrame) -> tuple[object, int]:
    """Newest open_time of all, and the shortest step between two bars of one symbol (1 without any)."""
    steps = (
        frame.select(step=pl.col("open_time").sort().diff().dt.total_milliseconds().over("symbol"))
        .filter(pl.col("step") > 0)["step"]
        .min()
    )
    return frame["open_time"].max(), int(steps) if isinstance(steps, int) else 1


def screen_rules(rules: ScreeningRules, *, has_markets: bool) -> list[Rule]:
    """Return the chain of the screen, for frames as `measure` makes them (with `volume`, see `judge`)."""
    chain: list[Rule] = []
    if has_markets and rules.require_api_tradable:
        tradable = pl.col("is_api_tradable")
        chain.append(Rule("api", pl.lit(None), None, tradable, "orders by API are not open"))
    chain.append(_at_least("bars", rules.min_bars, "only {value} bars of history, {bound} needed"))
    chain.append(
        _at_most(
            "stale",
            "lag_bars",
            rules.max_stale_bars,
            "last bar trails the market by {value} bars, more than {bound}",
        )
    )
    chain.append(
        _at_least("volume", rules.min_quote_volume_24h, "traded {value} in 24 h of candles, below {bound}")
    )
    chain.append(
        _at_most(
            "idle", "idle_share", rules.max_idle_share, "{value} of its bars had no trade, more than {bound}"
        )
    )
    chain.append(_at_least("volatility", rules.min_volatility, "moves {value} per bar, below {bound}"))
    chain.append(_at_most("wild", "volatility", rules.max_volatility, "moves {value} per bar, above {bound}"))
    chain = [rule for rule in chain if rule.bound is not None or rule.name == "api"]
    return chain + _signal_rules(rules)


def _at_least(name: str, bound: float | None, sentence: str) -> Rule:
    value = pl.col(name)
    return Rule(name, value, bound, value >= (0 if bound is None else bound), sentence)


def _at_most(name: str, column: str, bound: float | None, sentence: str) -> Rule:
    value = pl.col(column)
    return Rule(name, value, bound, value <= (0 if bound is None else bound), sentence)


def _signal_rules(rules: ScreeningRules) -> list[Rule]:
    if not rules.rsi_enabled:
        return []
    low, high = pl.col("rsi_low"), pl.col("rsi_high")
    below = low < rules.rsi_below if rules.rsi_below is not None else pl.lit(False)
    above = high > rules.rsi_above if rules.rsi_above is not None else pl.lit(False)
    # Shown is the side that was asked for; with both, the lower one.
    value, bound = (low, rules.rsi_below) if rules.rsi_below is not None else (high, rules.rsi_above)
    side = "lowest" if rules.rsi_below is not None else "highest"
    words = f"no RSI signal in {rules.rsi_within_bars} bars: {side} was {{value}}, bound {{bound}}"
    return [Rule("signal", value, bound, below.fill_null(False) | above.fill_null(False), words)]
