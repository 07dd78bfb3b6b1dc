"""`sluice drill clock-skew`: the venue's clock, or its word about it, is off by seconds, and changes."""

from dataclasses import replace
from datetime import timedelta

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, orders, sell_all, still
from interfaces.drill.sets import Exits, write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from trading.execution.drills.result import DrillResult, Progress
from trading.market.timeframes import to_ms
from trading.store.order_log.records import Leg

# What is wrong, ms: the clock that /time tells, then the clock that the venue itself believes.
SKEWS: tuple[tuple[str, float, float], ...] = (
    ("clock_skew", 3_000, 0),
    ("clock_skew", -3_000, 0),
    ("venue_skew", 4_000, 0),
    ("venue_skew", -4_000, 0),
    ("clock_skew", 0, 400),
    ("venue_skew", 8_000, 0),
)
STRETCH_S = 8.0
LIFETIME_S = 6
PAIRS = 3
QUICK = Exits(max_hold_s=5)
# A set's time is market time, which the skewed venue itself tells wrong: by so much it may seem late.
MARGIN_MS = 250


def clock_skew(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Skew clocks while sets that live for six seconds are written; each is traded in time or not at all."""
    result = DrillResult("clock-skew", seed=settings.seed)
    staged = replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()
        expires: dict[str, int] = {}
        for number, (kind, step_ms, drift) in enumerate(SKEWS, 1):
            # Written by the right clock; the engine reads it under the wrong one.
            lifetime = timedelta(seconds=LIFETIME_S)
            mine = pairs[(number - 1) * PAIRS : number * PAIRS]
            batch = write_set(stage, mine, number, exits=QUICK, lifetime=lifetime)
            expires[batch.signal_set_id] = to_ms(batch.expires_at)
            rule = {"kind": kind, "route": "*", "step_ms": step_ms, "drift_ms_per_s": drift}
            stage.venue.set_faults([rule], seed=settings.seed)
            say(f"{kind}: {step_ms:+g} ms, {drift:+g} ms a second")
            still(engine, STRETCH_S)
            result.inject(f"{kind} {step_ms:+g} ms {drift:+g} ms/s", sum(stage.venue.hits().values()))
            stage.venue.set_faults([])
            still(engine, 1.0)
            result.runs += 1
            if progress is not None:
                progress(number, len(SKEWS))
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        _judge_lateness(stage, result, expires)
        stage.is_evidence = not result.passed
    return result


def _judge_lateness(stage: Stage, result: DrillResult, expires: dict[str, int]) -> None:
    entries = [(each, intent) for each, intent in orders(stage, 0.0) if intent.leg is Leg.OPEN]
    late = [
        f"{intent.coid} reached the venue {each.market_ms - expires[intent.signal_set_id]} ms after its set"
        for each, intent in entries
        if each.market_ms > expires[intent.signal_set_id] + MARGIN_MS
    ]
    result.judge("no_set_is_traded_late", late, checked=len(entries))
    skew = sum(each.code in (700003, 700002) or each.status == 400 for each, _ in entries)
    result.figures |= {"entry_orders": len(entries), "entry_orders_refused": skew}
