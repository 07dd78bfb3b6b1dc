"""What the research line knows at a bar beside candles and indicators, as columns that strategies may read.

Only the line has them (`signals` in Dagster); a candle file has not, so `sluice backtest` refuses them.
"""

LINE_COLUMNS: dict[str, str] = {
    "threshold": "rsi_entry as the regime moves it, within its floor and ceiling",
    "threshold_multiplier": "what the market's regime multiplies bounds by",
    "is_calm": "1 in a calm market, else 0",
    "is_turbulent": "1 in a turbulent market, else 0",
    "breadth": "share of symbols above their EMA50; 0.5 where unknown",
    "is_depegged": "1 while a dollar coin is off its peg, else 0",
    "cluster_strength": "strength of membership in the symbol's cluster; 0 = noise or unknown",
    "news_score": "decayed news sentiment in (-1, 1)",
    "block_age_hours": "hours since a blocking news event; unknown without one",
    "probability": "of a net gain, by the promoted model; unknown without one",
    "rsi_entry": "the launchpad's number",
    "rsi_exit": "the launchpad's number",
    "band_share": "the launchpad's number",
    "use_lower_band": "1 or 0, the launchpad's switch",
    "use_middle_band": "1 or 0, the launchpad's switch",
}


def line_only(names: tuple[str, ...]) -> list[str]:
    """Return those of `names` that only the line knows."""
    return [name for name in names if name in LINE_COLUMNS]
