"""Small pictures of live trading, at most 50 kB. Drawing only."""

import polars as pl
from matplotlib.figure import Figure

from trading.xray.pictures import markdown_picture

_BPS = 10_000


def places_picture(places: pl.DataFrame) -> str:
    """Return a Markdown picture of `figures.PLACES`: what a place costs in basis points."""
    figure = Figure(figsize=(5.8, 3.0), layout="constrained")
    axes = figure.add_subplot()
    for (mode,), part in places.partition_by("mode", as_dict=True, maintain_order=True).items():
        axes.plot(part["place"], part["behind_first"] * _BPS, marker=".", linewidth=0.8, label=f"{mode}")
    axes.axhline(0.0, color="grey", linewidth=0.5)
    axes.set(
        title="Price paid over that of the first on the signal",
        xlabel="place in the rotation (0 = served first)",
        ylabel="basis points",
    )
    if not places.is_empty():
        axes.legend()
    return markdown_picture(figure, "Slippage by place")
