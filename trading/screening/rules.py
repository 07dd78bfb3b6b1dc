"""The thresholds of screening, in one frozen value with named presets. No rule is applied here."""

import json
from dataclasses import dataclass
from typing import Any

from trading.market.errors import BadInput
from trading.market.lineage import Version


@dataclass(frozen=True, slots=True)
class ScreeningRules:
    """Every bound a symbol has to meet before candles are fetched and before it is backtested.

    A bound of None switches its rule off. Fractions are fractions: 0.001 is 0.1 %.

    Parameters
    ----------
    quotes : tuple of str
        Quote currencies that are traded.
    excluded_bases : tuple of str
        Regular expressions; a base that one of them matches in full is dropped. The default names
        leveraged tokens (BTC3L, ETH5S), which decay and must not be held.
    references : tuple of str
        Symbols whose candles are always fetched, because the market regime is read from them.
    require_api_tradable : bool
        Drop pairs on which orders by API are refused.
    min_quote_volume_24h : float or None
        Traded value of the last 24 h in quote units; first by ticker, then again by candles.
    max_spread : float or None
        (ask - bid) / mid.
    max_ticker_age_s : float or None
        Market seconds between the look and the time it is used.
    min_listed_days : float or None
        Days since the first bar, where that is known: who has not `min_bars` yet costs no request.
    max_survivors : int
        How many symbols candles are fetched for, the most traded first.
    min_bars : int
        Closed bars a symbol must have.
    max_stale_bars : int or None
        Bars by which a symbol's last bar may trail the newest one of all symbols.
    volatility_bars : int
        Last bars that volatility and idleness are measured over.
    min_volatility, max_volatility : float or None
        Standard deviation of one bar's log return over the last `volatility_bars` bars.
    max_idle_share : float or None
        Share of those bars without any trade.
    rsi_enabled : bool
        Whether the signal rule counts: RSI went below `rsi_below` or above `rsi_above` within the last
        `rsi_within_bars` bars.
    rsi_below, rsi_above : float or None
        RSI points, 0..100; None = that side does not count.
    rsi_within_bars : int
        Last bars in which the RSI may have been there.
    batch_size : int
        Symbols measured at a time: bounds the memory of the indicators and is the step of progress.
    """

    quotes: tuple[str, ...] = ("USDT",)
    excluded_bases: tuple[str, ...] = (r".+[2345][LS]",)
    references: tuple[str, ...] = ("BTC/USDT",)
    require_api_tradable: bool = True
    min_quote_volume_24h: float | None = 100_000.0
    max_spread: float | None = 0.005
    max_ticker_age_s: float | None = 900.0
    min_listed_days: float | None = 2.0
    max_survivors: int = 300
    min_bars: int = 200
    max_stale_bars: int | None = 4
    volatility_bars: int = 96
    min_volatility: float | None = 0.0015
    max_volatility: float | None = 0.1
    max_idle_share: float | None = 0.2
    rsi_enabled: bool = True
    rsi_below: float | None = 35.0
    rsi_above: float | None = None
    rsi_within_bars: int = 96
    batch_size: int = 250

    def __post_init__(self) -> None:
        """Refuse bounds that no symbol, or every symbol by mistake, could meet."""
        for name in ("max_survivors", "min_bars", "volatility_bars", "rsi_within_bars", "batch_size"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, was {getattr(self, name)}")
        for name in (
            "min_quote_volume_24h",
            "max_spread",
            "max_ticker_age_s",
            "min_listed_days",
            "max_stale_bars",
            "min_volatility",
        ):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise BadInput(f"{name} must be at least 0 or None, was {value}")
        low, high = self.min_volatility, self.max_volatility
        if low is not None and high is not None and low >= high:
            raise BadInput(f"min_volatility must be below max_volatility ({high}), was {low}")
        for name in ("rsi_below", "rsi_above"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 100:
                raise BadInput(f"{name} must be between 0 and 100 or None, was {value}")
        if self.rsi_enabled and self.rsi_below is None and self.rsi_above is None:
            raise BadInput("rsi_enabled needs rsi_below or rsi_above; both are None")
        if not self.quotes:
            raise BadInput("quotes must name at least one quote currency, was empty")


PRESETS: dict[str, ScreeningRules] = {
    "default": ScreeningRules(),
    # The old bot's three numbers; everything it did not know is switched off, the RSI signal stays.
    "owner": ScreeningRules(
        min_quote_volume_24h=100.0,
        min_volatility=0.001,
        batch_size=10,
        max_spread=None,
        max_volatility=None,
        max_idle_share=None,
        min_listed_days=None,
        excluded_bases=(),
    ),
}


def rules_of(version: Version) -> ScreeningRules:
    """Return the rules that a version of `liquid_symbols` was made with."""
    kept: dict[str, Any] = json.loads(version.params)["ScreeningRules"]
    # JSON knows no tuples.
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
    return ScreeningRules(**values)


def preset(name: str) -> ScreeningRules:
    """Return the rules called `name`.

    Raises
    ------
    BadInput
        If there is no such preset; the message lists those that exist.
    """
    found = PRESETS.get(name)
    if found is None:
        raise BadInput(f"preset must be one of {', '.join(PRESETS)}, was {name!r}")
    return found
