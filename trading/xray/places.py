"""Where each symbol lies on a flat map of the market, so that the map of tomorrow looks like today's.

Not here: which group a symbol is in (clusters.py), how the map is drawn (pictures.py).
"""

import numpy as np
import polars as pl
from sklearn.manifold import TSNE

from trading.market.errors import BadInput
from trading.xray.components import market_free
from trading.xray.group_rules import ClusterSettings
from trading.xray.returns import Floats
from trading.xray.threads import one_thread

PLACES: dict[str, pl.DataType | type[pl.DataType]] = {"symbol": pl.String, "x": pl.Float64, "y": pl.Float64}
_NEIGHBOURS = 20  # perplexity: how many neighbours a symbol should lie near to
_STEPS = 400
# t-SNE starts from points this close together; a wider start is torn apart at random.
_START = 1e-4


def symbol_places(
    symbols: list[str],
    returns: Floats,
    settings: ClusterSettings | None = None,
    *,
    before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return a place for each symbol with enough history, **one row per symbol**, sorted by symbol.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.
    before : DataFrame of PLACES, optional
        The map before: its places are where this one starts from, so that it is turned and torn as little
        as the market changed. A new symbol starts amid its three nearest.

    Returns
    -------
    DataFrame of PLACES
        t-SNE (van der Maaten and Hinton, 2008) of the unit-length components that groups are found in.
        Neighbours are alike; how far two distant groups lie apart means little, and units mean nothing.
    """
    settings = settings or ClusterSettings()
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    order = sorted(range(len(symbols)), key=lambda row: symbols[row])
    space = market_free(
        returns[order], min_share=settings.min_share, components=settings.components, seed=settings.seed
    )
    points = space.points
    names = [symbols[order[row]] for row in space.usable]
    # With a handful of symbols there is nothing to unfold.
    flat = (
        _flat(points) if len(names) < 5 else _unfolded(points, _start(names, points, before), settings.seed)
    )
    return pl.DataFrame({"symbol": names, "x": flat[:, 0], "y": flat[:, 1]}, schema=PLACES)


def _flat(points: Floats) -> Floats:
    return np.asarray(np.pad(points, ((0, 0), (0, 2)))[:, :2])


def _unfolded(points: Floats, start: Floats, seed: int) -> Floats:
    start = start - start.mean(axis=0)
    spread = float(start.std())
    start = start * (_START / spread) if spread > 0 else start
    perplexity = min(float(_NEIGHBOURS), (len(points) - 1) / 3)
    with one_thread():
        engine = TSNE(
            2,
            perplexity=perplexity,
            init=start.astype(np.float32),
            max_iter=_STEPS,
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(engine.fit_transform(points), dtype=np.float64)


def _start(names: list[str], points: Floats, before: pl.DataFrame | None) -> Floats:
    """Return the places before; of new symbols, the mean of their three nearest known ones."""
    start = _flat(points)
    if before is None or before.is_empty():
        return start
    known = {symbol: (x, y) for symbol, x, y in before.select("symbol", "x", "y").iter_rows()}
    old = np.asarray([row for row, name in enumerate(names) if name in known], dtype=np.intp)
    if len(old) < 3:
        return start
    start[old] = [known[names[row]] for row in old]
    new = np.setdiff1d(np.arange(len(names)), old)
    nearest = np.argsort(-(points[new] @ points[old].T), axis=1, kind="stable")[:, :3]
    start[new] = start[old[nearest]].mean(axis=1)
    return start
