"""The chance of overfitting: how what was best in one half of the time did in the other half.

Combinatorially symmetric cross-validation. The halves share no row, and every row is inside as often as
outside.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]
_CHUNK = 1024  # splits that are looked at together: bounds the memory at CHUNK × configurations


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What became of the best configuration of each half in the other half.

    `probability` (PBO) is the share of splits in which it fell to the median or below; `loss_probability`
    the share in which it lost; `slope` that of its Sharpe ratio outside over inside (1 = kept, 0 = chance).
    """

    probability: float
    loss_probability: float
    slope: float
    splits: int
    logits: Floats


def backtest_overfitting(returns: Floats, blocks: int = 16) -> Overfitting:
    """Return the probability of backtest overfitting by combinatorially symmetric cross-validation.

    The rows are cut into `blocks` of equal length (what is over is cut off at the beginning). For each of
    the C(blocks, blocks / 2) halves the column with the best Sharpe ratio is held against all others in
    the other half; ω = rank / (n + 1), logit = ln(ω / (1 - ω)). Ties count as the mean of their ranks.

    Parameters
    ----------
    returns : array of shape (n_observations, n_configurations)
        At least 2 configurations. Finite.
    blocks : int
        Even, 2 to 20; at least 2 rows each.

    References
    ----------
    Bailey, Borwein, López de Prado & Zhu (2017), The probability of backtest overfitting, Journal of
    Computational Finance 20(4).
    """
    rows, count = returns.shape
    if blocks % 2 or not 2 <= blocks <= 20:
        raise BadInput(f"blocks must be even and lie in 2..20, was {blocks}")
    if count < 2 or rows < 2 * blocks:
        raise BadInput(
            f"there must be at least 2 configurations and {2 * blocks} rows, were {count} and {rows}"
        )
    if not np.isfinite(returns).all():
        raise BadInput("returns must be finite")
    length = rows // blocks
    cut = returns[rows - blocks * length :].reshape(blocks, length, count)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    parts = [
        _judge(chunk, sums, squares, length * blocks // 2)
        for chunk in np.array_split(inside, math.ceil(len(inside) / _CHUNK))
    ]
    logits, before, after = (np.concatenate(part) for part in zip(*parts, strict=True))
    spread = float(before.var())
    slope = float(np.mean((before - before.mean()) * (after - after.mean()))) / spread if spread > 0 else 0.0
    return Overfitting(
        probability=float(np.mean(logits <= 0)),
        loss_probability=float(np.mean(after < 0)),
        slope=slope,
        splits=len(halves),
        logits=logits,
    )


def _judge(inside: Floats, sums: Floats, squares: Floats, half: int) -> tuple[Floats, Floats, Floats]:
    here = _sharpe(inside @ sums, inside @ squares, half)
    there = _sharpe((1 - inside) @ sums, (1 - inside) @ squares, half)
    best = here.argmax(axis=1)
    rows = np.arange(len(best))
    mine = there[rows, best]
    below = (there < mine[:, None]).sum(axis=1)
    same = (there == mine[:, None]).sum(axis=1)
    share = (below + (same + 1) / 2) / (there.shape[1] + 1)
    return np.log(share / (1 - share)), here[rows, best], mine


def _sharpe(total: Floats, squares: Floats, n: int) -> Floats:
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    ratio: Floats = np.where(variance > 1e-24, mean / np.sqrt(np.maximum(variance, 1e-24)), 0.0)
    return ratio
