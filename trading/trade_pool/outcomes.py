"""What became of each decision, attached later: by source, in versions, never before it was known.

An outcome once written is never changed. A correction (a trade that closed late, candles that were corrected)
is a new version with its reason, and what was taught before it stays as it was taught.
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.timeframes import to_ms
from trading.trade_pool.ledger import Ledger, Row

type _Schema = dict[str, pl.DataType | type[pl.DataType]]

SOURCES = ("live", "paper", "candles")
# One row per decision, source and version. `closed_at`: from then on it could be known.
OUTCOMES: _Schema = {
    "decision_id": pl.String,
    "source": pl.String,
    "version": pl.Int64,
    "closed_at": UTC_MS,
    "written_at": UTC_MS,
    "why": pl.String,  # first | what was corrected
    "net_return": pl.Float64,
    "fee_ratio": pl.Float64,
    "users": pl.Int64,
    "trades": pl.Int64,
    "cost_quote": pl.Float64,
    "pnl_quote": pl.Float64,
    "open_price": pl.Float64,
    "entry_slippage": pl.Float64,
    "exit_reason": pl.String,
}
_FOUND = tuple(name for name in OUTCOMES if name not in ("version", "written_at", "why"))
_OPTIONAL = ("users", "trades", "cost_quote", "pnl_quote", "open_price", "entry_slippage", "exit_reason")
_FIRST = "first"
_NEWEST = "SELECT * FROM outcomes WHERE decision_id = ? AND source = ? ORDER BY version DESC LIMIT 1"


class Outcomes:
    """The outcomes in a `Ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def write(self, found: pl.DataFrame, at: datetime) -> dict[str, int]:
        """Add what is known at market time `at`; return how many were first, corrected and the same.

        Parameters
        ----------
        found : DataFrame
            `decision_id`, `source`, `closed_at`, `net_return`, `fee_ratio`, and where executed the rest of
            `OUTCOMES`. Executed ones are corrected when trades, times or money differ; one on candles when
            it ended at another bar (costs are those of its first look).

        Raises
        ------
        BadInput
            If one closed after `at`, its return is no number, or its source is unknown. Nothing is written.
        """
        rows = _checked(found, at)
        counts = {"first": 0, "corrected": 0, "same": 0}
        if not rows:
            return counts
        with self._ledger.writing() as database:
            for row in rows:
                cursor = database.execute(_NEWEST, (row["decision_id"], row["source"]))
                values = cursor.fetchone()
                names = [each[0] for each in cursor.description]
                newest = None if values is None else dict(zip(names, values, strict=True))
                why = _FIRST if newest is None else _correction(newest, row)
                if why is None:
                    counts["same"] += 1
                    continue
                version = 1 if newest is None else newest["version"] + 1
                self._ledger.add(database, "outcomes", row | {"version": version, "why": why})
                counts["first" if newest is None else "corrected"] += 1
        return counts

    def read(self, at: datetime | None = None, *, all_versions: bool = False) -> pl.DataFrame:
        """Return the newest version of each outcome as was written at or before `at` (None: ever).

        Sorted by decision, source and version; `all_versions` keeps the older ones.
        """
        until = 2**62 if at is None else to_ms(at)
        query = "SELECT * FROM outcomes WHERE written_ms <= ? ORDER BY decision_id, source, version"
        rows = self._ledger.rows(query, (until,))
        renamed = {"closed_at": "closed_ms", "written_at": "written_ms"}
        frame = pl.DataFrame(
            [
                pl.Series(
                    name,
                    [row[renamed.get(name, name)] for row in rows],
                    dtype=pl.Int64 if dtype == UTC_MS else dtype,
                ).cast(dtype)
                for name, dtype in OUTCOMES.items()
            ]
        )
        if all_versions:
            return frame
        return frame.unique(["decision_id", "source"], keep="last", maintain_order=True)


def executed(pool: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return what trades made of decisions: the pool's rows, one per decision and source.

    Parameters
    ----------
    pool : DataFrame
        As `pool.build_pool` returns it: the fills of all users on one signal are one row.
    decisions : DataFrame
        `decision_id`, `symbol`, `bar_time`, `decided_at`. Where two strategies decided on one bar of a pair,
        the first one decided has the trades.
    """
    first = decisions.sort("decided_at", "decision_id").unique(["symbol", "bar_time"], keep="first")
    found = pool.join(
        first.select("decision_id", "symbol", "bar_time"), on=["symbol", "bar_time"], how="inner"
    )
    # Research that ran twice gave one bar two signal ids; the pool has made them one already.
    return found.select(name for name in _FOUND).sort("decision_id", "source")


def taught(decisions: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return decisions with their outcomes, in the columns that a training set reads.

    Returns
    -------
    DataFrame
        One row per decision and source, oldest first: `signal_id` (the decision's), `symbol`, `bar_time`,
        `source`, `decided_at`, `closed_at`, `net_return`, `fee_ratio`, `score`, `propensity`, `is_decided`,
        `stage`, `is_explored`, `version`, `why`, figures of the trades, and the features as decided.
    """
    joined = decisions.join(outcomes, on="decision_id", how="inner")
    features = sorted(name for name in decisions.columns if name.startswith("f_"))
    executed_figures = [name for name in _OPTIONAL if name in joined.columns]
    # A candle label of a decision that nobody could trade was as likely as any other: it stands for itself.
    likely = pl.when(pl.col("source") == "candles").then(1.0).otherwise(pl.col("propensity"))
    return joined.select(
        "decision_id",
        pl.coalesce("signal_id", "decision_id").alias("signal_id"),
        *("symbol", "bar_time", "strategy", "source", "decided_at", "closed_at", "net_return", "fee_ratio"),
        *("score", "stage", "is_taken", "is_explored", "version", "why"),
        likely.alias("propensity"),
        pl.lit(value=True).alias("is_decided"),
        *executed_figures,
        *features,
    ).sort("decided_at", "decision_id", "source")


def _checked(found: pl.DataFrame, at: datetime) -> list[Row]:
    at_ms, rows = to_ms(at), []
    has = set(found.columns)
    lacks = [name for name in _FOUND if name not in has and name not in _OPTIONAL]
    if lacks:
        raise BadInput(f"outcomes must have columns {', '.join(_FOUND)}; missing: {', '.join(lacks)}")
    known = found.select(name for name in _FOUND if name in has).with_columns(
        pl.col("closed_at").dt.epoch("ms")
    )
    wild = known.filter(pl.col("net_return").is_finite().not_() | pl.col("net_return").is_null())
    if not wild.is_empty():
        row = wild.row(0, named=True)
        raise BadInput(f"net_return of {row['decision_id']} must be a number, was {row['net_return']}")
    for row in known.iter_rows(named=True):
        if row["source"] not in SOURCES:
            raise BadInput(
                f"source of {row['decision_id']} must be one of {', '.join(SOURCES)}, was {row['source']}"
            )
        if row["closed_at"] > at_ms:
            raise BadInput(f"{row['decision_id']} closed at {row['closed_at']} ms, after {at.isoformat()}")
        plain: Row = dict.fromkeys(_OPTIONAL) | dict(row)
        plain |= {"closed_ms": plain.pop("closed_at"), "written_ms": at_ms}
        rows.append(plain | {"users": plain["users"] or 0, "trades": plain["trades"] or 0})
    return rows


def _correction(newest: Mapping[str, object], row: Row) -> str | None:
    """Return what is new about an outcome that is there, or None if nothing is."""
    if row["source"] == "candles":
        if newest["closed_ms"] == row["closed_ms"]:
            return None
        return f"candles were corrected: ended at {row['closed_ms']} ms, not {newest['closed_ms']}"
    if row["trades"] != newest["trades"]:
        return f"{row['trades']} trades closed, not {newest['trades']}"
    changed = [name for name in ("closed_ms", "cost_quote", "pnl_quote") if row[name] != newest[name]]
    return f"booked anew: {', '.join(changed)}" if changed else None
