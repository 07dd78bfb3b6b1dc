"""A threshold that follows the market between a floor and a ceiling, and what a decision met of it.

The one place where a bound is moved: screening, signals and risk use this value, so that every decision can
say the bound it was held against, the regime that moved it, and whether floor or ceiling stopped it. Which
regime it is, is found in `trading.xray.regime`; which bound moves how, is said in each room's rules.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from trading.market.errors import BadInput

REGIMES = ("calm", "normal", "turbulent")
# Bars of its own that an estimate needs to count half; see `shrunk`.
PRIOR_BARS = 200


@dataclass(frozen=True, slots=True)
class Met:
    """The threshold that one decision met.

    `value` is the bound in force, `asked` the same before floor and ceiling, `is_bounded` whether they
    differ (an alert: the market asks for more than anybody allowed), `why` one clause for a person.
    """

    value: float
    asked: float
    regime: str
    is_bounded: bool
    why: str


@dataclass(frozen=True, slots=True)
class MovingThreshold:
    """A bound moved by regime and multiplier, never outside floor and ceiling.

    Parameters
    ----------
    base : float
        The bound of a usual market, in the unit of what is measured; above 0.
    floor, ceiling : float
        Hard bounds of the moved value, same unit; floor at most ceiling, floor above 0.
    calm, normal, turbulent : float
        What `base` is multiplied by in that regime; above 0. An unknown regime counts as normal.
    is_upper : bool
        Whether what is measured must stay below it. A multiplier above 1 asks for more: it raises a lower
        bound (more volume) and lowers an upper one (less spread).
    """

    base: float
    floor: float
    ceiling: float
    calm: float = 1.0
    normal: float = 1.0
    turbulent: float = 1.0
    is_upper: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be multiplied or leaves nothing between floor and ceiling."""
        for name in ("base", "floor", "ceiling", *REGIMES):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise BadInput(f"{name} of a moving threshold must be above 0 and finite, was {value}")
        if self.floor > self.ceiling:
            raise BadInput(f"floor must not be above ceiling ({self.ceiling}), was {self.floor}")

    @property
    def factors(self) -> dict[str, float]:
        """The factor of each regime."""
        return dict(zip(REGIMES, (self.calm, self.normal, self.turbulent), strict=True))

    def met(self, regime: str | None = None, multiplier: float | None = None) -> Met:
        """Return the bound in force in `regime`.

        Parameters
        ----------
        regime : str, optional
            calm, normal or turbulent; anything else, and None, counts as normal and is named as unknown.
        multiplier : float, optional
            `threshold_multiplier` of the market's regime at that bar; None or NaN counts as 1.

        Raises
        ------
        BadInput
            If the multiplier is not above 0.
        """
        factor = self.factors.get(regime or "", self.normal)
        pull = 1.0 if multiplier is None or math.isnan(multiplier) else multiplier
        if not 0 < pull < math.inf:
            raise BadInput(f"multiplier of a threshold must be above 0 and finite, was {multiplier}")
        asked = self.base * factor / pull if self.is_upper else self.base * factor * pull
        value = min(max(asked, self.floor), self.ceiling)
        known = regime if regime in REGIMES else "unknown"
        return Met(value, asked, known, value != asked, self._why(known, factor, pull, asked))

    def columns(self, *, regime: str = "regime", multiplier: str | None = None) -> list[pl.Expr]:
        """Return `met` for whole frames, as expressions.

        Parameters
        ----------
        regime : str
            Column with the regime of each row; null counts as unknown.
        multiplier : str, optional
            Column with the multiplier of each row; null and NaN count as 1.

        Returns
        -------
        list of Expr
            `threshold`, `threshold_asked`, `is_bounded`. The words are dear: `why_column` gives them, for
            rows that are kept.
        """
        asked = self._asked(*self._moved_by(regime, multiplier))
        value = asked.clip(self.floor, self.ceiling)
        return [
            value.alias("threshold"),
            asked.alias("threshold_asked"),
            (value != asked).alias("is_bounded"),
        ]

    def why_column(self, *, regime: str = "regime", multiplier: str | None = None) -> pl.Expr:
        """Return `threshold_why`, the words of `met` for each row; parameters as of `columns`."""
        factor, pull = self._moved_by(regime, multiplier)
        column = pl.col(regime)
        known = pl.when(column.is_in(REGIMES)).then(column).otherwise(pl.lit("unknown"))
        told = pl.struct(
            known.alias("r"), factor.alias("f"), pull.alias("p"), self._asked(factor, pull).alias("a")
        )
        return told.map_batches(self._words_of, return_dtype=pl.String).alias("threshold_why")

    def _moved_by(self, regime: str, multiplier: str | None) -> tuple[pl.Expr, pl.Expr]:
        factor = pl.col(regime).replace_strict(self.factors, default=self.normal, return_dtype=pl.Float64)
        pull = pl.lit(1.0) if multiplier is None else pl.col(multiplier).fill_nan(None).fill_null(1.0)
        return factor, pull

    def _asked(self, factor: pl.Expr, pull: pl.Expr) -> pl.Expr:
        return self.base * factor / pull if self.is_upper else self.base * factor * pull

    @classmethod
    def estimated(
        cls,
        values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        regimes: Sequence[str | None],
        quantile: float,
        *,
        floor: float,
        ceiling: float,
        is_upper: bool = False,
        prior_bars: int = PRIOR_BARS,
    ) -> Self:
        """Return the threshold at a quantile of past values, per regime, little data drawn to the whole.

        Parameters
        ----------
        values : sequence of float
            What was measured on past bars, NaN where nothing was; the caller gives no bar that is later
            than the decision.
        regimes : sequence of str or None
            The regime of each of these bars.
        quantile : float
            0..1, e.g. 0.9 keeps what is above nine tenths of the past.
        prior_bars : int
            See `shrunk`.

        Raises
        ------
        BadInput
            If lengths differ, nothing was measured, or the quantile of all is not above 0.
        """
        measured = np.asarray(values, dtype=np.float64)
        if len(measured) != len(regimes):
            raise BadInput(f"regimes must be one per value ({len(measured)}), were {len(regimes)}")
        if not 0 <= quantile <= 1:
            raise BadInput(f"quantile must be in 0..1, was {quantile}")
        known = ~np.isnan(measured)
        if not known.any():
            raise BadInput("an estimated threshold needs at least 1 measured value, had 0")
        overall = float(np.quantile(measured[known], quantile))
        names = np.asarray(regimes, dtype=object)
        factors = {}
        for regime in REGIMES:
            own = measured[known & (names == regime)]
            of_own = float(np.quantile(own, quantile)) if len(own) else overall
            factors[regime] = shrunk(of_own, len(own), overall, prior_bars=prior_bars) / overall
        return cls(overall, floor, ceiling, **factors, is_upper=is_upper)

    def _why(self, regime: str, factor: float, pull: float, asked: float) -> str:
        sign = "/" if self.is_upper else "×"
        pulled = "" if pull == 1 else f" {sign} {pull:.4g} (market)"
        words = f"{self.base:.6g} × {factor:.4g} ({regime}){pulled} = {asked:.6g}"
        if asked < self.floor:
            return f"{words}, held at the floor {self.floor:.6g}"
        if asked > self.ceiling:
            return f"{words}, held at the ceiling {self.ceiling:.6g}"
        return words

    def _words_of(self, told: pl.Series) -> pl.Series:
        # Few distinct pairs of regime and multiplier stand behind many rows: words are made once for each.
        rows = told.struct.unnest().rows()
        words = {row: self._why(*row) for row in set(rows)}
        return pl.Series([words[row] for row in rows], dtype=pl.String)


def shrunk(own: float, bars: int, overall: float, *, prior_bars: int = PRIOR_BARS) -> float:
    """Return an estimate drawn to the overall one: own counts n / (n + `prior_bars`).

    With no bars it is the overall estimate, with `prior_bars` half-way, with many its own.

    Raises
    ------
    BadInput
        If `bars` is negative or `prior_bars` not above 0.
    """
    if bars < 0:
        raise BadInput(f"bars must not be negative, was {bars}")
    if prior_bars <= 0:
        raise BadInput(f"prior_bars must be above 0, was {prior_bars}")
    weight = bars / (bars + prior_bars)
    return weight * own + (1 - weight) * overall


def alerts(met: Mapping[str, Met]) -> list[str]:
    """Return one sentence per threshold that floor or ceiling stopped, in the order given."""
    return [f"{name}: {found.why}" for name, found in met.items() if found.is_bounded]
