"""The report of one evaluation: immutable, whole, and JSON-ready. What it means is the gate's matter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from trading.learning.protocol.rules import EvaluationRules

FOLDS: dict[str, pl.DataType | type[pl.DataType]] = {
    "fold": pl.Int64,
    "test_from": pl.Datetime("ms", "UTC"),
    "test_to": pl.Datetime("ms", "UTC"),
    "trained_on": pl.Int64,
    "decisions": pl.Int64,
    "taken": pl.Int64,
    "model": pl.Float64,  # compounded net return
    "take_all": pl.Float64,
    "auc": pl.Float64,
}
STRESS: dict[str, pl.DataType | type[pl.DataType]] = {
    "multiple": pl.Float64,
    "mean_return": pl.Float64,
    "total_return": pl.Float64,
}
SEEDS: dict[str, pl.DataType | type[pl.DataType]] = {
    "seed": pl.Int64,
    "auc": pl.Float64,
    "taken": pl.Int64,
    "total_return": pl.Float64,
    "sharpe": pl.Float64,
}
ABLATIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "without": pl.String,
    "features": pl.Int64,  # how many went
    "auc": pl.Float64,
    "total_return": pl.Float64,
    "auc_lost": pl.Float64,
    "return_lost": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class KindReport:
    """All that was measured of one kind of model.

    `figures` holds every single number, flat, None where it has no meaning; `equity` has `day` (UTC date) and
    the growth of 1 for the model and each baseline that has a daily series.
    """

    kind: str
    figures: Mapping[str, float | None]
    folds: pl.DataFrame = field(repr=False)
    equity: pl.DataFrame = field(repr=False)
    baselines: pl.DataFrame = field(repr=False)
    stress: pl.DataFrame = field(repr=False)
    calibration: pl.DataFrame = field(repr=False)
    seeds: pl.DataFrame = field(repr=False)
    ablations: pl.DataFrame = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; tables as lists of rows."""
        tables = {
            name: [_plain(row) for row in getattr(self, name).to_dicts()]
            for name in ("folds", "equity", "baselines", "stress", "calibration", "seeds", "ablations")
        }
        return {"kind": self.kind, "figures": dict(self.figures), **tables}


@dataclass(frozen=True, slots=True)
class HoldoutLook:
    """What became of the candidate in a holdout: opened once, by whom and why is in the holdout book."""

    name: str
    begin: datetime
    end: datetime
    decisions: int
    taken: int
    total_return: float
    percentile: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class ProtocolReport:
    """One evaluation of a training set: what was tested, by which rules, and one report per kind.

    `level` is the share of the error budget that this evaluation may spend; `tried` the independent trials
    that results are deflated by. `kinds` is empty where nothing could be measured.
    """

    dataset_id: str
    feature_version: str
    features: tuple[str, ...]
    decisions: int
    days: int
    classes: int
    first: str | None
    last: str | None
    by_source: Mapping[str, int]
    champion_id: str | None
    level: float
    tried: float
    rules: EvaluationRules
    kinds: tuple[KindReport, ...] = ()
    holdout: HoldoutLook | None = None
    notes: tuple[str, ...] = ()

    def of(self, kind: str) -> KindReport:
        """Return the report of one kind."""
        return next(one for one in self.kinds if one.kind == kind)

    def as_json(self) -> dict[str, Any]:
        """Return everything as one document."""
        plain = (
            "dataset_id", "feature_version", "decisions", "days", "classes", "first", "last", "champion_id",
            "level", "tried",
        )  # fmt: skip
        return {
            **{name: getattr(self, name) for name in plain},
            "features": list(self.features),
            "by_source": dict(self.by_source),
            "notes": list(self.notes),
            "rules": asdict(self.rules),
            "holdout": None if self.holdout is None else _plain(asdict(self.holdout)),
            "kinds": [one.as_json() for one in self.kinds],
        }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
