"""From the signals of the newest closed bar to decisions: how far each wanted entry came, what stopped it.

Pure: frames in, a frame for `snapshots.Snapshots` out. History that a pass computes again is none of it:
only the bar that had just closed was decided in time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from trading.market.frames import UTC_MS
from trading.trade_pool.exploration import ExplorationRules, gate_of, with_exploration

_TAKEN, _LISTING, _APPROVAL, _MOST = "handed_over", "listing", "approval", "most"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is the same for all decisions of a pass.

    `handed_over`: symbols of the set that the pass asks for; `listed`: those the venue has; `exits` as JSON;
    `signal_set_id`: of the set, None where there is none.
    """

    bar_time: datetime
    decided_at: datetime
    timeframe: str
    signals_version: str
    exits: str
    feature_version: str
    handed_over: Collection[str] = ()
    listed: Collection[str] = ()
    signal_set_id: str | None = None
    is_tested: bool = True


def considered(
    signals: pl.DataFrame, approvals: pl.DataFrame, moment: Moment, rules: ExplorationRules
) -> pl.DataFrame:
    """Return one row per entry that the strategy wanted at the moment's bar, taken or rejected.

    Parameters
    ----------
    signals : DataFrame
        Table `signals`: columns of `generate.SIGNALS` and `lineage_id`; other bars are left out.
    approvals : DataFrame
        Table `approved_symbols`: `symbol`, `is_approved`, `reason`, `lineage_id`; may be empty.
    moment : Moment
        `is_tested` false: the signals are of another strategy than the approvals.
    rules : ExplorationRules
        What is drawn of the rejected ones.

    Returns
    -------
    DataFrame
        Columns of `snapshots.DECISIONS` without the id, and the `f_*` columns. The first thing that stopped
        an entry is its stage: a gate of the signals, then listing, approval, and the size of the set.
    """
    bar = pl.lit(moment.bar_time).cast(UTC_MS)
    wanted = signals.filter(pl.col("is_candidate") & (pl.col("open_time").cast(UTC_MS) == bar))
    joined = wanted.join(_verdicts(approvals), on="symbol", how="left", maintain_order="left")
    is_in = pl.col("symbol").is_in(list(moment.handed_over)) & pl.col("is_entry")
    is_listed = pl.col("symbol").is_in(list(moment.listed))
    is_approved = pl.col("is_approved").fill_null(value=False) & moment.is_tested
    gate = gate_of(pl.col("reason"))
    untested = "signals are of another strategy than the approvals"
    verdict = pl.col("verdict").fill_null("not backtested") if moment.is_tested else pl.lit(untested)
    stopped = (
        (~pl.col("is_entry"), gate, pl.col("reason")),
        (is_in, pl.lit(_TAKEN), pl.col("reason")),
        (~is_listed, pl.lit(_LISTING), pl.lit("not listed any more")),
        (~is_approved, pl.lit(_APPROVAL), verdict),
    )
    stage, reason = pl.lit(_MOST), pl.lit("more entries than one set holds; others scored higher")
    for when, name, why in reversed(stopped):
        stage, reason = pl.when(when).then(name).otherwise(stage), pl.when(when).then(why).otherwise(reason)
    rows = joined.with_columns(
        stage=stage,
        reason=reason,
        is_taken=is_in,
        is_approved=is_approved & is_listed,
        bar_time=bar,
        decided_at=pl.lit(moment.decided_at).cast(UTC_MS),
        weights=_weights(joined),
        **_policy(joined),
        **_constants(moment),
    ).with_columns(
        signal_id=pl.col("lineage_id"),
        signal_set_id=pl.when("is_taken").then(pl.lit(moment.signal_set_id, pl.String)),
    )
    return with_exploration(rows, rules).sort("symbol")


def _verdicts(approvals: pl.DataFrame) -> pl.DataFrame:
    schema = {"symbol": pl.String, "is_approved": pl.Boolean, "verdict": pl.String, "approval_id": pl.String}
    if approvals.is_empty():
        return pl.DataFrame(schema=schema)
    return approvals.select(
        "symbol", "is_approved", pl.col("reason").alias("verdict"), pl.col("lineage_id").alias("approval_id")
    ).unique("symbol", keep="first", maintain_order=True)


def _constants(moment: Moment) -> Mapping[str, pl.Expr]:
    names = ("timeframe", "signals_version", "exits", "feature_version")
    return {name: pl.lit(getattr(moment, name), pl.String) for name in names}


def _policy(rows: pl.DataFrame) -> Mapping[str, pl.Expr]:
    """Return which policy spoke and the size it took; null where signals have no such columns."""
    kinds = {"policy_id": pl.String, "policy_size": pl.Float64}
    return {
        name: pl.col(name).cast(kind) if name in rows.columns else pl.lit(None, kind)
        for name, kind in kinds.items()
    }


def _weights(rows: pl.DataFrame) -> pl.Expr:
    """Return what each voice of a blend counted, as JSON: the columns `*_weight` of the signals, if any."""
    names = sorted(name for name in rows.columns if name.endswith("_weight"))
    if not names:
        return pl.lit(None, pl.String)
    return pl.struct(pl.col(name).alias(name.removesuffix("_weight")) for name in names).struct.json_encode()
