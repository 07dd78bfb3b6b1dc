"""Small pictures for pages that show Markdown: PNG in a data URL, at most 50 kB. Drawing only."""

import base64
import io
from collections import Counter
from itertools import groupby

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from trading.market.errors import BadInput
from trading.xray.components import residuals
from trading.xray.correlation import Correlation, correlation
from trading.xray.returns import Floats

MAX_BYTES = 50_000
_MOST_NAMES = 24
_MOST_CELLS = 160  # finer than the eye resolves at the size of the picture


def correlation_map(
    found: Correlation, clusters: pl.DataFrame | None = None, *, title: str = "Correlation"
) -> str:
    """Return a Markdown picture of the correlation matrix, symbols of one cluster side by side.

    Parameters
    ----------
    clusters : DataFrame of CLUSTERS, optional
        Gives the order: largest cluster first, noise last. Symbols it lacks count as noise; without it,
        symbols are ordered by their mean correlation.
    """
    if not found.symbols:
        raise BadInput("a correlation map needs at least 1 symbol, had 0")
    order = _by_mean(found.rho) if clusters is None else _by_cluster(found.symbols, clusters)
    by = "mean" if clusters is None else "group"
    rho = _shrink(found.rho[np.ix_(order, order)])
    most = _scale(rho)
    figure = Figure(figsize=(5.8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    # Twenty steps of colour survive the palette of the file; a continuous map loses its rare ends.
    colours = colormaps["RdBu_r"].resampled(20)
    image = axes.imshow(rho, cmap=colours, vmin=-most, vmax=most, interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.85, label="rho", extend="both" if most < 1 else "neither")
    axes.set(title=f"{title}: {len(found.symbols):,} symbols, ordered by {by}", xticks=[], yticks=[])
    if clusters is not None:
        _name_blocks(axes, [found.symbols[row] for row in order], clusters, len(rho))
    return markdown_picture(figure, title)


def residual_map(symbols: list[str], returns: Floats, clusters: pl.DataFrame) -> str:
    """Return the map of what correlation is left without the market, ordered by group.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.
    clusters : DataFrame of CLUSTERS
    """
    return correlation_map(correlation(symbols, residuals(returns)), clusters, title="Without the market")


def _scale(rho: Floats) -> float:
    """Return the rho at which colours end: 1, or less where hardly a cell comes near it."""
    beside = np.abs(rho[~np.eye(len(rho), dtype=bool)])
    return 1.0 if not len(beside) else float(np.clip(np.ceil(10 * np.percentile(beside, 99)) / 10, 0.2, 1.0))


def _name_blocks(axes: Axes, symbols: list[str], clusters: pl.DataFrame, cells: int) -> None:
    """Write the names of large groups beside their blocks, and draw a frame around each."""
    names = dict(clusters.select("symbol", "cluster_name").iter_rows())
    shrunk, start = cells / len(symbols), 0
    ticks: list[float] = []
    words: list[str] = []
    for name, own in groupby(symbols, key=names.get):
        size = len(list(own))
        corner, side = start * shrunk - 0.5, size * shrunk
        if name is not None:
            axes.add_patch(Rectangle((corner, corner), side, side, fill=False, lw=0.6, ec="#404040"))
            if side >= cells / 35:
                ticks.append(corner + side / 2)
                words.append(f"{name.split('/')[0]} ({size})")
        start += size
    axes.set_yticks(ticks, words, fontsize=7)


def group_map(places: pl.DataFrame, clusters: pl.DataFrame, *, title: str = "Groups") -> str:
    """Return a Markdown picture of symbols as points, one colour for each group, noise in grey.

    Parameters
    ----------
    places : DataFrame of PLACES
        Where each symbol lies; near means alike, distances between far groups mean little.
    clusters : DataFrame of CLUSTERS
        Groups and names; the largest groups are named beside their middle.
    """
    if places.is_empty():
        return "No symbol has enough history for a map."
    shown = places.join(clusters.select("symbol", "cluster", "cluster_name"), on="symbol", how="left")
    groups = shown.filter(pl.col("cluster") >= 0).partition_by("cluster_name")
    groups.sort(key=lambda own: (-own.height, own["cluster_name"][0]))
    figure = Figure(figsize=(6.0, 5.2), layout="constrained")
    axes = figure.add_subplot()
    noise = shown.filter((pl.col("cluster") < 0) | pl.col("cluster").is_null())
    axes.scatter(noise["x"], noise["y"], s=5, color="#c4c4c4", linewidths=0)
    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]  # a listed map has them
    for place, own in enumerate(groups):
        axes.scatter(own["x"], own["y"], s=11, color=colours[place % len(colours)], linewidths=0)
    for own in groups[:_MOST_NAMES]:
        words = f"{own['cluster_name'][0].split('/')[0]} ({own.height})"
        axes.annotate(
            words,
            (float(own["x"].median() or 0.0), float(own["y"].max() or 0.0)),  # type: ignore[arg-type]  # Float64 columns
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75},
        )
    axes.set(
        title=f"{title}: {len(groups)} among {shown.height:,} symbols, {noise.height:,} in none",
        xticks=[],
        yticks=[],
    )
    axes.margins(0.06)
    axes.spines[:].set_color("#c4c4c4")
    return markdown_picture(figure, title)


def funnel_chart(summary: pl.DataFrame, *, title: str = "Funnel") -> str:
    """Return a Markdown picture of a funnel.

    Parameters
    ----------
    summary : DataFrame of (stage, in, out, main_reason)
        One row per stage, as `funnel_summary` gives it.
    """
    if summary.is_empty():
        raise BadInput("a funnel chart needs at least 1 stage, had 0")
    entering, leaving = summary["in"].to_list(), summary["out"].to_list()
    names = ["listed", *summary["stage"].to_list()]
    counts = [entering[0], *leaving]
    reasons = [None, *summary["main_reason"].to_list()]
    figure = Figure(figsize=(6.4, 0.55 * len(names) + 0.7), layout="constrained")
    axes = figure.add_subplot()
    # Square roots, because 2,610 beside 6 leaves nothing to see of the 6; the numbers stand beside the bars.
    axes.barh(names, np.sqrt(counts), color="#3b6ea5")
    for row, (count, reason) in enumerate(zip(counts, reasons, strict=True)):
        label = f" {count:,}" if reason is None else f" {count:,}  ({reason})"
        axes.text(np.sqrt(count), row, label, va="center", fontsize=8)
    axes.set(title=title, xticks=[], xlim=(0, 1.45 * np.sqrt(max(*counts, 1))))
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return markdown_picture(figure, title)


def _by_mean(rho: Floats) -> list[int]:
    return [int(row) for row in np.argsort(-np.nan_to_num(rho).mean(axis=1), kind="stable")]


def _by_cluster(symbols: list[str], clusters: pl.DataFrame) -> list[int]:
    """Return rows by size of their group, its number, and name; noise last."""
    place = dict(clusters.select("symbol", "cluster").iter_rows())
    keys = [place.get(symbol, -1) for symbol in symbols]
    sizes = Counter(keys)
    sizes[-1] = 0
    return sorted(range(len(symbols)), key=lambda row: (-sizes[keys[row]], keys[row], symbols[row]))


def _shrink(rho: Floats) -> Floats:
    """Average blocks of cells until there are at most `_MOST_CELLS` a side; missing pairs count as 0."""
    filled = np.nan_to_num(rho, nan=0.0)
    cells = min(len(filled), _MOST_CELLS)
    edges = np.linspace(0, len(filled), cells + 1).astype(int)[:-1]
    widths = np.diff([*edges, len(filled)])
    sums = np.add.reduceat(np.add.reduceat(filled, edges, axis=0), edges, axis=1)
    return np.asarray(sums / np.outer(widths, widths))


def markdown_picture(figure: Figure, title: str) -> str:
    """Return `figure` as a Markdown picture, drawn coarser until it fits `MAX_BYTES`."""
    for dpi in (90, 70, 50, 35):
        raw = _png(figure, dpi)
        if len(raw) * 4 / 3 + 64 <= MAX_BYTES:
            break
    else:
        raise BadInput(f"the picture {title!r} must fit in {MAX_BYTES} bytes, smallest was {len(raw)}")
    words = title.replace("[", "(").replace("]", ")")
    return f"![{words}](data:image/png;base64,{base64.b64encode(raw).decode()})"


def _png(figure: Figure, dpi: int) -> bytes:
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    # A palette of 64 colours takes a quarter of the bytes of full colour.
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # same
    image = Image.fromarray(pixels).convert("RGB").quantize(64)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
