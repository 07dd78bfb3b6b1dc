"""Small pictures for pages that show Markdown: PNG in a data URL, at most 50 kB. Drawing only."""

import base64
import io

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from trading.market.errors import BadInput
from trading.xray.correlation import Correlation
from trading.xray.returns import Floats

MAX_BYTES = 50_000
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
    by = "mean" if clusters is None else "cluster"
    rho = _shrink(found.rho[np.ix_(order, order)])
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    # Twenty steps of colour survive the palette of the file; a continuous map loses its rare ends.
    colours = colormaps["RdBu_r"].resampled(20)
    image = axes.imshow(rho, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.85, label="rho")
    axes.set(title=f"{title}: {len(found.symbols):,} symbols, ordered by {by}", xticks=[], yticks=[])
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
    place = dict(zip(clusters["symbol"].to_list(), clusters["cluster"].to_list(), strict=True))
    last = max(place.values(), default=0) + 1
    keys = [place.get(symbol, -1) for symbol in symbols]
    return sorted(range(len(symbols)), key=lambda row: (last if keys[row] < 0 else keys[row], symbols[row]))


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
