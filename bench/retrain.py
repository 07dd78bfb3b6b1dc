"""What learning costs: a fit beside plain LightGBM, one answer for the whole market, and a whole retrain.

The last one is held against FreqAI's published procedure, one model per pair, one after another: 9 base
features on two timeframes with one shift, LightGBM with the settings of its example configuration (2,000
trees, learning rate 0.02, a quarter held out). Its features are made here by numpy, of the pair's own candles
only, without the four correlated pairs of that configuration: the peer is flattered. It is measured on a
sample of pairs and multiplied; ours is measured on a sample of the market and multiplied too, fixed costs
included. The same with LightGBM's default of 100 trees is a second line.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.calibration import slowness
from bench.harness import Measured, against_bound, against_peer, measure
from bench.synthetic import market
from trading.learning.models import SETTINGS, fit_classifier

ROWS, COLUMNS = 200_000, 21
SYMBOLS, BARS = 2_600, 1_500
OURS, THEIRS = 260, 3  # symbols that are really done
PREDICT_CPU_S, FIT_RATIO, RETRAIN_RATIO = 0.2, 1.2, 20.0

type Floats = NDArray[np.float64]


def run() -> list[dict[str, Any]]:
    """Measure and return one line per question."""
    x, y, weight = _rows()
    return [_fit(x, y, weight), _answer(x, y, weight), *_retrain()]


def _rows() -> tuple[Floats, NDArray[np.int64], Floats]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, COLUMNS))
    y = (0.1 * x[:, 0] + rng.normal(size=ROWS) > 0).astype(np.int64)
    return x, y, np.ones(ROWS)


def _fit(x: Floats, y: NDArray[np.int64], weight: Floats) -> dict[str, Any]:
    ours = measure(lambda: fit_classifier("lightgbm", x, y, weight), repeat=2)
    theirs = measure(lambda: _plain(x, y, weight), repeat=2)
    work = f"trees on {ROWS:,} x {COLUMNS}, calibration included"
    return against_peer(
        "retrain fit", work, ours, "lightgbm.train, same matrix and settings", theirs,
        bound=round(1 / FIT_RATIO, 3), times_plain=round(ours.cpu_s / theirs.cpu_s, 3),
    )  # fmt: skip


def _plain(x: Floats, y: NDArray[np.int64], weight: Floats) -> object:
    import lightgbm

    told = dict(SETTINGS["lightgbm"])
    rounds = int(told.pop("rounds"))
    for name in ("num_leaves", "min_data_in_leaf"):
        told[name] = int(told[name])
    asked = {
        "objective": "binary", **told, "seed": 0, "deterministic": True, "force_row_wise": True,
        "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    return lightgbm.train(asked, lightgbm.Dataset(x, y, weight=weight), num_boost_round=rounds)


def _answer(x: Floats, y: NDArray[np.int64], weight: Floats) -> dict[str, Any]:
    model = fit_classifier("lightgbm", x, y, weight)
    ours = measure(lambda: model.predict(x[:SYMBOLS]), repeat=5)
    work = f"one probability for each of {SYMBOLS:,} symbols"
    return against_bound("retrain answer", work, ours, bound_cpu_s=PREDICT_CPU_S, slowness=slowness(1))


def _retrain() -> list[dict[str, Any]]:
    from trading.learning.protocol.market_sets import MarketRules, market_set
    from trading.signals.strategy import SignalRules

    candles = market(OURS, BARS).candles()
    # Twice the entries of the default rule, so that no rare signal makes it look cheap.
    rules = MarketRules(SignalRules(rsi_entry=42.0, rsi_ceiling=50.0, use_lower_band=False))
    rows = 0

    def whole() -> int:
        nonlocal rows
        made = market_set(candles, rules)
        rows = len(made.frame)
        for kind in ("logistic", "lightgbm"):
            fit_classifier(kind, made.x, made.y, made.weight)
        return rows

    ours = _scaled(measure(whole, repeat=1), SYMBOLS / OURS)
    pairs = market(THEIRS, BARS)
    lines = []
    for trees, rate in ((2000, 0.02), (100, 0.1)):
        theirs = _scaled(
            measure(lambda trees=trees, rate=rate: _per_pair(pairs, trees, rate), repeat=1), SYMBOLS / THEIRS
        )
        is_published = trees == 2000
        line = against_peer(
            "retrain market" if is_published else "retrain market, 100 trees",
            f"candles to models, {SYMBOLS:,} pairs x {BARS:,} bars (ours of {OURS}, theirs of {THEIRS}, "
            "multiplied)",
            ours,
            f"one LightGBM of {trees:,} trees per pair in sequence (FreqAI's procedure)",
            theirs,
            bound=RETRAIN_RATIO,
            decisions=rows * SYMBOLS // OURS,
        )
        lines.append(line)
    return lines


def _scaled(found: Measured, times: float) -> Measured:
    return Measured(found.cpu_s * times, found.wall_s * times, found.peak_rss_mb, found.value)


def _per_pair(pairs: Any, trees: int, rate: float) -> None:
    import lightgbm

    for row in range(len(pairs.symbols)):
        prices = [getattr(pairs, name)[row] for name in ("high", "low", "close", "volume")]
        fine = _nine(*prices)
        coarse = np.repeat(_nine(*(_thirds(values, k) for k, values in enumerate(prices))), 3, axis=0)
        both = np.column_stack([fine, coarse[: len(fine)]])
        features = np.column_stack([both, np.roll(both, 1, axis=0)])
        close = prices[2]
        ahead = np.roll(close, -24) / close - 1
        x, y = features[60:-24], ahead[60:-24]
        cut = len(x) * 3 // 4
        model = lightgbm.LGBMRegressor(
            n_estimators=trees, learning_rate=rate, random_state=1, n_jobs=1, verbosity=-1
        )
        model.fit(x[:cut], y[:cut], eval_set=[(x[cut:], y[cut:])])
        model.predict(x[-1:])


def _thirds(values: Floats, kind: int) -> Floats:
    three = values[: len(values) // 3 * 3].reshape(-1, 3)
    # High, low, close and volume of bars three times as long.
    joined: Floats = (three.max(axis=1), three.min(axis=1), three[:, -1], three.sum(axis=1))[kind]
    return joined


def _nine(high: Floats, low: Floats, close: Floats, volume: Floats) -> Floats:
    """Return nine columns like those of the example: RSI, MFI, ADX-like, MACD, ROC, widths and ratios."""
    step = np.diff(close, prepend=close[0])
    up, down = _mean(np.maximum(step, 0), 12), _mean(np.maximum(-step, 0), 12)
    middle = _mean(close, 20)
    width = np.sqrt(np.maximum(_mean(close**2, 20) - middle**2, 0)) * 4 / middle
    typical = (high + low + close) / 3
    flow = typical * volume * np.sign(np.diff(typical, prepend=typical[0]))
    money = _mean(np.maximum(flow, 0), 12) / np.maximum(_mean(np.abs(flow), 12), 1e-12)
    rise, fall = np.diff(high, prepend=high[0]), -np.diff(low, prepend=low[0])
    trend = np.abs(_mean(rise - fall, 12)) / np.maximum(_mean(high - low, 12), 1e-12)
    macd = _mean(close, 12) / _mean(close, 26) - 1
    return np.column_stack(
        [
            up / np.maximum(up + down, 1e-12), money, trend, macd, close / np.roll(close, 12) - 1, width,
            close / middle, volume / np.maximum(_mean(volume, 20), 1e-12), step / close,
        ]
    )  # fmt: skip


def _mean(values: Floats, length: int) -> Floats:
    total = np.cumsum(values)
    out = total / np.arange(1, len(values) + 1)
    out[length:] = (total[length:] - total[:-length]) / length
    return out
