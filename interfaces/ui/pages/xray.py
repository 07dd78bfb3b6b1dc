"""X-ray map: who moves with whom. Symbols as dots, groups as colours, correlations as a heat map, by drill.

The heat map is one byte per pair (0 = -1, 128 = nothing, 255 = +1; 127 marks unknown), at most 300 × 300:
first the most typical symbols of each group, then one group.
"""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interfaces.ui import sections
from interfaces.ui.foreign import clean
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

MOST = 300
BARS = 500
MIN_BARS = 30
_NOBODY = -1


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return dots, the heat map of what is asked (``group`` empty: the whole market), and the groups.

    Raises
    ------
    BadInput
        If the group is no number of one.
    """
    import polars as pl

    clusters, places = world.table("clusters"), world.table("cluster_map")
    if clusters is None or places is None or clusters.is_empty():
        return {
            "dots": [],
            "heat": None,
            "sections": [sections.words("X-ray", ["No groups yet. Next: sluice run"])],
        }
    group = _group(asked["group"], clusters)
    ordered = clusters.sort(
        pl.col("cluster") == _NOBODY, "size", "cluster", "similarity",
        descending=[False, True, False, True], nulls_last=True,
    )  # fmt: skip
    chosen = ordered if group is None else ordered.filter(pl.col("cluster") == group)
    dots = places.join(clusters.select("symbol", "cluster", "cluster_name"), on="symbol").select(
        "symbol", "x", "y", "cluster"
    )
    return {
        "group": group,
        "dots": [[clean(row[0]), *row[1:]] for row in dots.iter_rows()],
        "heat": _heat(world, _typical(chosen)),
        "said": _said(clusters, group),
        "sections": [_groups(clusters), _members(chosen)],
    }


def _group(text: str, clusters: "pl.DataFrame") -> int | None:
    if not text:
        return None
    if not text.lstrip("-").isdigit() or int(text) not in clusters["cluster"].to_list():
        raise BadInput(f"no group {text!r}; choose one in the table of groups")
    return int(text)


def _typical(ordered: "pl.DataFrame") -> "pl.DataFrame":
    """Return at most `MOST` symbols, an equal part of each group, most typical first, groups together."""
    import polars as pl

    if ordered.height <= MOST:
        return ordered
    each = max(1, MOST // ordered["cluster"].n_unique())
    return ordered.group_by("cluster", maintain_order=True).head(each).head(MOST).select(pl.all())


def _heat(world: World, chosen: "pl.DataFrame") -> dict[str, Any] | None:
    import numpy as np
    import polars as pl

    symbols = chosen["symbol"].to_list()
    closes = _closes(world, symbols)
    if closes is None:
        return None
    held = [name for name in symbols if name in closes.columns]
    prices = closes.select(held).to_numpy().astype(np.float64)
    with np.errstate(all="ignore"):
        returns = np.diff(np.log(prices), axis=0)
    rho = correlations(returns)
    shown = np.where(np.isnan(rho), 127, np.clip(np.rint((rho + 1) * 127.5), 0, 255)).astype(np.uint8)
    names = dict(chosen.select("symbol", pl.col("cluster_name").fill_null("no group")).iter_rows())
    known = rho[~np.isnan(rho) & ~np.eye(len(held), dtype=bool)]
    mean = f"{known.mean():.2f}" if known.size else "unknown"
    words = f"Correlations of {len(held)} symbols over {returns.shape[0]} bars, by group; mean {mean}."
    return {
        "symbols": [clean(name) for name in held],
        "groups": [clean(names[name]) for name in held],
        "cells": base64.b64encode(shown.tobytes()).decode(),
        "words": words,
    }


def correlations(returns: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return Pearson correlations of columns, each pair on the rows that both have; NaN where too few.

    For a picture: the pipeline's own correlations (`trading.xray.correlation`) decide.
    """
    import numpy as np

    is_there = np.isfinite(returns)
    kept = is_there.astype(np.float64)
    values = np.where(is_there, returns, 0.0)
    count = kept.T @ kept
    total, squares, product = values.T @ kept, (values**2).T @ kept, values.T @ values
    with np.errstate(all="ignore"):
        covariance = product - total * total.T / count
        spread = squares - total**2 / count
        rho = covariance / np.sqrt(spread * spread.T)
    return np.where((count >= MIN_BARS) & np.isfinite(rho), np.clip(rho, -1, 1), np.nan)


def _closes(world: World, symbols: list[str]) -> "pl.DataFrame | None":
    """Return the newest closes, one column per symbol, one row per bar."""
    newest = world.lake.looked_at("tickers") or world.lake.looked_at("ohlcv_days")
    if newest is None or not symbols:
        return None
    bars = world.candles.last_bars(world.settings.timeframe, BARS, until=newest, symbols=symbols)
    if bars.is_empty():
        return None
    wide = bars.select("symbol", "open_time", "close").pivot("symbol", index="open_time", values="close")
    return wide.sort("open_time")


def _said(clusters: "pl.DataFrame", group: int | None) -> str:
    import polars as pl

    if group is not None:
        rows = clusters.filter(pl.col("cluster") == group)
        return f"Group {clean(rows['cluster_name'][0] or 'without a name')}: {rows.height} symbols."
    grouped = clusters.filter(pl.col("cluster") != _NOBODY)
    return (
        f"{grouped['cluster'].n_unique()} groups of {grouped.height} symbols; "
        f"{clusters.height - grouped.height} "
        "belong to none. Near dots move alike; the axes mean nothing by themselves."
    )


def _groups(clusters: "pl.DataFrame") -> Section:
    import polars as pl

    rows = (
        clusters.group_by("cluster")
        .agg(
            pl.first("cluster_name"),
            pl.len().alias("symbols"),
            pl.col("similarity").mean().alias("similarity"),
            pl.col("symbol").sort_by("similarity", descending=True, nulls_last=True).first().alias("typical"),
        )
        .with_columns(pl.col("cluster_name").fill_null("by themselves"))
        .sort(pl.col("cluster") == _NOBODY, "symbols", "cluster", descending=[False, True, False])
    )
    columns = [
        ("cluster", "Group", "group"),
        ("cluster_name", "Name", "text"),
        ("symbols", "Symbols", "number"),
        ("similarity", "Mean similarity", "number"),
        ("typical", "Most typical", "symbol"),
    ]
    said = "-1 is no group: these symbols move by themselves."
    return sections.table("Groups", columns, rows.to_dicts(), said=said)


def _members(chosen: "pl.DataFrame") -> Section:
    columns = [
        ("symbol", "Symbol", "symbol"),
        ("cluster_name", "Group", "text"),
        ("similarity", "Similarity", "number"),
        ("strength", "Strength", "number"),
        ("since", "Since", "time"),
    ]
    return sections.table("Symbols of the heat map", columns, chosen.to_dicts())
