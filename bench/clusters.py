"""Groups among 2,600 symbols with twelve planted sectors: CPU seconds, and how well the truth is found."""

from typing import Any

import numpy as np

from bench import synthetic
from bench.calibration import slowness
from bench.harness import Line, against_bound, measure
from trading.xray.cluster_quality import cluster_quality
from trading.xray.clusters import cluster_symbols
from trading.xray.places import symbol_places

MOST_CPU_S, FEWEST, MOST, LEAST_ARI, MOST_NOISE = 0.6, 10, 14, 0.97, 0.4


def run() -> list[Line]:
    """Measure and return one line each for groups, their quality and the map."""
    market = synthetic.market()
    returns = market.returns()
    # A machine that is quicker than the calibrated one is taken as it is.
    work, pace = f"{synthetic.SYMBOLS:,} symbols x {returns.shape[1]} returns", max(1.0, slowness())
    ours = measure(lambda: cluster_symbols(market.symbols, returns), repeat=5)
    found = truth(market, ours.value)
    line = against_bound(
        "clusters", f"{work}, components included", ours, bound_cpu_s=MOST_CPU_S, slowness=pace, **found
    )
    is_found = (
        FEWEST <= found["clusters"] <= MOST and found["ari"] >= LEAST_ARI and found["noise"] <= MOST_NOISE
    )
    line["ok"] = line["ok"] and is_found
    quality = measure(lambda: cluster_quality(market.symbols, returns, ours.value), repeat=1, warm_up=False)
    places = measure(lambda: symbol_places(market.symbols, returns), repeat=1, warm_up=False)
    return [
        line,
        against_bound(
            "clusters quality",
            f"{work}, 6 resamples",
            quality,
            bound_cpu_s=4.0,
            slowness=pace,
            resampled_ari=round(quality.value.resampled_ari or 0.0, 3),
        ),
        against_bound("clusters map", work, places, bound_cpu_s=8.0, slowness=pace),
    ]


def truth(market: synthetic.Market, frame: Any) -> dict[str, Any]:
    """Return clusters found, share of noise, and the adjusted Rand index on symbols in a group."""
    from sklearn.metrics import adjusted_rand_score

    place = dict(zip(market.symbols, market.sector.tolist(), strict=True))
    labels = frame["cluster"].to_numpy()
    sectors = np.asarray([place[symbol] for symbol in frame["symbol"]])
    grouped = labels >= 0
    return {
        "clusters": len({*labels[grouped].tolist()}),
        "noise": round(float((~grouped).mean()), 3),
        "ari": round(float(adjusted_rand_score(sectors[grouped], labels[grouped])), 4),
    }
