"""Policies as assets see them: taught by a job, watched for some decisions, asked once that went well."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from resources.decisions import ledger
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.store import Store
from trading.execution.handover import exits_of
from trading.learning import policy_shadow
from trading.learning.policy_shadow import Say, Watch, worst_gain
from trading.learning.shadow import ShadowRules
from trading.market.errors import BadInput, MissingData, NoVersion, SluiceError
from trading.market.lineage import digest
from trading.market.timeframes import timeframe, to_ms
from trading.signals.features import FEATURE_VERSION
from trading.trade_pool.snapshots import Snapshots

if TYPE_CHECKING:
    from trading.learning.deep.policy_gate import PolicyEvaluation

TEACHES = "policy_teaching"  # the job in which a policy is taught; in others the verdict before stands
# One row: the newest policy, and who is watched. `verdict` none, promoted, refused, no_data, failed.
POLICY: dict[str, pl.DataType | type[pl.DataType]] = {
    "verdict": pl.String,
    "reason": pl.String,
    "policy_id": pl.String,
    "decisions": pl.Int64,
    "weight": pl.Float64,
    "weight_p": pl.Float64,
    "is_sizing": pl.Boolean,
    "sizes_p": pl.Float64,
    "seed_returns": pl.List(pl.Float64),
    "taught_at": pl.Datetime("ms", "UTC"),
    "shadow_id": pl.String,
    "shadow_seen": pl.Int64,
    "shadow_decisions": pl.Int64,
    "asked_id": pl.String,
}
_LATEST = {"live": 0, "paper": 1, "candles": 2}
_WAITED = timedelta(days=40)


def policy_now(
    job: str, store: Store, learning: Learning, at: datetime, rules: ShadowRules, how: Mapping[str, int]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the row of `POLICY` and the gate's table: taught anew in its job, else as it stood before."""
    end_watch(store, learning, at)
    if job != TEACHES:
        before = store.lake.read("trading_policy") if store.lake.latest("trading_policy") else None
        told = _nothing() if before is None else before.row(0, named=True)
        return _row(store, learning, at, told), pl.DataFrame()
    try:
        found, decisions = taught(store, learning, at, how)
    except (SluiceError, ImportError) as error:
        told = _nothing() | {"verdict": "failed", "reason": str(error), "taught_at": at}
        return _row(store, learning, at, told), pl.DataFrame()
    policy_id = begin_watch(learning, found, at, rules)
    told = {
        "verdict": str(found.verdict),
        "reason": found.reason,
        "policy_id": policy_id,
        "decisions": decisions,
        "weight": None if found.fit is None else found.fit.weight,
        "weight_p": None if found.fit is None else found.fit.p_value,
        "is_sizing": None if found.sizes is None else found.sizes.is_earned,
        "sizes_p": None if found.sizes is None else found.sizes.p_value,
        "seed_returns": list(found.seeds),
        "taught_at": at,
    }
    return _row(store, learning, at, told), found.table


def taught(
    store: Store, learning: Learning, at: datetime, how: Mapping[str, int]
) -> tuple["PolicyEvaluation", int]:
    """Teach on the world's decisions and judge; return the gate's answer and how many decisions there were.

    Raises
    ------
    MissingData
        If the extra `ai` is not installed.
    BadInput
        If nothing was backtested or decided yet.
    """
    from dataclasses import replace

    from trading.learning.deep.extra import require_extra

    require_extra("teaching a policy")
    from trading.learning.deep.lesson import Learning as How
    from trading.learning.deep.line_lesson import line_lesson
    from trading.learning.deep.policy_gate import POLICY_RULES, evaluate_policy

    results = store.lake.latest("backtest_results")
    learnt = learning.training_set(store, at)
    if results is None or learnt.frame.is_empty():
        raise BadInput("nothing to teach a policy on: no decision has a known outcome yet")
    bar = timeframe(load_settings(store.world).timeframe)
    first = learnt.frame["bar_time"].min()
    symbols = learnt.frame["symbol"].unique().sort().to_list()
    start = first if isinstance(first, datetime) else None
    candles = store.candles.read(bar.name, symbols=symbols, start=start, end=at)
    lesson = line_lesson(
        candles,
        learnt,
        store.lake.read("validated_markets"),
        exits_of(results),
        bar_ms=bar.ms,
        tickers=store.lake.read("tickers"),
    )
    rules = replace(POLICY_RULES, fold_days=0, seeds=how["seeds"])
    return evaluate_policy(lesson, How(steps=how["steps"]), rules), len(lesson.signals)


def begin_watch(
    learning: Learning, found: "PolicyEvaluation", at: datetime, rules: ShadowRules
) -> str | None:
    """Keep what passed and begin its shadow period; return its id, None where nothing is to be watched.

    Without a say (neither weight nor sizes earned) it is kept and not watched; while another one is watched
    it waits for the next teaching.
    """
    if str(found.verdict) != "promoted" or found.fit is None or found.unseen is None:
        return None
    kept, seen = learning.policies, found.unseen
    policy_id = kept.keep(found, at, feature_version=FEATURE_VERSION)
    is_sizing = found.sizes is not None and found.sizes.is_earned
    if kept.watch() is not None or not (is_sizing or found.fit.weight > 0):
        return policy_id
    say = Say(found.fit.weight, is_sizing, float(seen.net.mean()))
    bound = worst_gain(say.gained(seen.expected, seen.sizes, seen.net), seen.day, rules)
    watch = Watch(policy_id, at, rules.decisions, bound, say.rules_return, max_wait_days=rules.max_wait_days)
    kept.start_watch(watch.to_dict(), at, "passed its gate")
    return policy_id


def end_watch(store: Store, learning: Learning, at: datetime) -> None:
    """End the shadow period that is over: asked from now on, or not; a damaged policy fails at once."""
    raw = learning.policies.watch()
    if raw is None:
        return
    watch = Watch.from_dict(raw)
    try:
        policy = learning.policies.load(watch.policy_id)
        found = policy_shadow.verdict(watch, policy, watched_decisions(store, watch, at), at)
    except (SluiceError, ImportError) as error:
        learning.policies.end_watch(at, is_passed=False, why=f"refused: {error}")
        return
    if found is not None:
        learning.policies.end_watch(at, is_passed=found.is_passed, why=found.reason)
        if found.is_passed:
            learning.policies.ask(watch.policy_id, at, why=f"shadow period: {found.reason}")


def watched_decisions(store: Store, watch: Watch, at: datetime) -> pl.DataFrame:
    """Return the ledger's decisions since the period began, as decided upon, with what became of them."""
    since = max(watch.started_at, at - _WAITED * 10)
    rows = Snapshots(ledger(store.world)).read(since=since, until=at)
    if store.lake.latest("decision_outcomes") is None:
        return rows.with_columns(pl.lit(None, pl.Float64).alias("net_return"))
    ended = store.lake.read("decision_outcomes").filter(pl.col("closed_at") <= at)
    order = pl.col("source").replace_strict(_LATEST, default=9, return_dtype=pl.Int64)
    one = ended.sort(order).unique("decision_id", keep="first", maintain_order=True)
    return rows.join(one.select("decision_id", "net_return"), on="decision_id", how="left")


def alert_of_teaching(order_log: OrderLogResource, learning: Learning, found: pl.DataFrame) -> None:
    """Tell the operator once per reason that no policy could be taught, and that a watched one is no use."""
    row = found.row(0, named=True)
    if row["verdict"] == "failed":
        text = f"no policy could be taught: {row['reason']}: rules and model go on without one"
        order_log.tell(f"policy-failed-{digest(row['reason'])}", "model", text, row["taught_at"])
    last = (learning.policies.history() or [{}])[-1]
    if last.get("event") == "shadow_failed" and str(last["why"]).startswith("refused: "):
        moment = datetime.fromisoformat(last["at"])
        text = f"{last['why'].removeprefix('refused: ')}: its shadow period fails, rules and model go on"
        order_log.tell(f"policy-shadow-{last['policy_id']}-{to_ms(moment)}", "model", text, moment)


def teaching_held(learning: Learning) -> str:
    """Return why no policy is taught now by itself; empty if one may be."""
    from trading.learning.deep.extra import require_extra

    try:
        require_extra("teaching a policy")
    except MissingData as error:
        return str(error)
    watched = learning.policies.watch()
    return "" if watched is None else f"{watched['policy_id']} is in its shadow period"


def history(learning: Learning) -> pl.DataFrame:
    """Return what was done to policies, newest first: `at`, `event`, `policy_id`, `by`, `why`, `asked`."""
    names = ("at", "event", "policy_id", "by", "why", "asked")
    rows = [{name: row.get(name) for name in names} for row in reversed(learning.policies.history())]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))


def unaccounted(learning: Learning, row: Mapping[str, Any]) -> str:
    """Return what is wrong with the row of `trading_policy`; empty if nothing is."""
    if row["verdict"] != "promoted" and row["policy_id"] is not None:
        return f"verdict {row['verdict']} with policy {row['policy_id']}"
    watched = (learning.policies.watch() or {}).get("policy_id")
    if row["shadow_id"] != watched:
        return f"{row['shadow_id']} is called watched, the record says {watched}"
    for name in {row["policy_id"], row["asked_id"]} - {None}:
        try:
            learning.policies.manifest(name)
        except NoVersion as error:
            return str(error)
    return ""


def _nothing() -> dict[str, Any]:
    return dict.fromkeys(POLICY) | {"verdict": "none", "reason": f"none was taught: job {TEACHES}"}


def _row(store: Store, learning: Learning, at: datetime, told: Mapping[str, Any]) -> pl.DataFrame:
    raw, now = learning.policies.watch(), learning.policies.standing()
    row = {name: told.get(name) for name in POLICY} | dict.fromkeys(("shadow_id", "shadow_seen"))
    row |= {"shadow_decisions": None, "asked_id": None if now is None else now[0]}
    if raw is not None:
        watch = Watch.from_dict(raw)
        count = policy_shadow.seen(watch, watched_decisions(store, watch, at), at)
        row |= {"shadow_id": watch.policy_id, "shadow_seen": count, "shadow_decisions": watch.decisions}
    return pl.DataFrame([row], schema=POLICY)
