"""The market's regime over time, as a small picture for pages that show Markdown. Drawing only."""

import numpy as np
import polars as pl
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trading.market.errors import BadInput
from trading.market.thresholds import REGIMES
from trading.xray.pictures import markdown_picture

COLOURS = {"calm": "#bcd9e8", "normal": "#e6e6e0", "turbulent": "#efb8a8"}
_MOST_BARS = 700  # finer than the eye resolves at the size of the picture
_LINES = (
    ("market_volatility", "volatility\n% a bar", 100.0, "#7a2f1d"),
    ("breadth", "breadth\n%", 100.0, "#1f5f8b"),
    ("mean_correlation", "correlation", 1.0, "#3f6b35"),
    ("turnover_ratio", "turnover\n× usual", 1.0, "#6a4c93"),
)


def regime_chart(regime: pl.DataFrame, *, title: str = "Market regime") -> str:
    """Return a Markdown picture: conditions over time before the colours of their regimes, at most 50 kB.

    Parameters
    ----------
    regime : DataFrame of REGIME
        Oldest first; only the newest 700 bars are drawn.
    """
    if regime.is_empty():
        raise BadInput("a regime chart needs at least 1 bar, had 0")
    shown = regime.tail(_MOST_BARS)
    times = shown["open_time"].dt.replace_time_zone(None).to_numpy()
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    panels = figure.subplots(len(_LINES), 1, sharex=True)
    for axes, (name, label, scale, colour) in zip(panels, _LINES, strict=True):
        values = shown[name].cast(pl.Float64).to_numpy() * scale
        for regime_name, first, last in spells(shown["regime"].to_list()):
            end = min(last + 1, len(times) - 1)
            axes.axvspan(times[first], times[end], color=COLOURS[regime_name], lw=0)
        axes.plot(times, values, color=colour, lw=1.1)
        if not np.isfinite(values).any():
            axes.text(0.5, 0.5, "cannot be measured", transform=axes.transAxes, ha="center", va="center")
        axes.set_ylabel(label, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].xaxis.set_major_locator(MaxNLocator(8))
    panels[-1].xaxis.set_major_formatter(DateFormatter("%d %b\n%H:%M"))  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    panels[0].set_title(f"{title}: calm (blue), normal (grey), turbulent (red); UTC", fontsize=10, loc="left")
    return markdown_picture(figure, title)


def spells(regimes: list[str | None]) -> list[tuple[str, int, int]]:
    """Return the runs of one regime as (name, first row, last row), unnamed bars left out."""
    runs: list[tuple[str, int, int]] = []
    for row, name in enumerate(regimes):
        if name not in REGIMES:
            continue
        if runs and runs[-1][0] == name and runs[-1][2] == row - 1:
            runs[-1] = (name, runs[-1][1], row)
        else:
            runs.append((name, row, row))
    return runs
