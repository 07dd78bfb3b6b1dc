"""The loop, day by day: market time runs, the line passes, users trade, the sensor decides; a day is a row.

Nothing here trains, promotes, refuses or trades: jobs, sensors and the engine do, as under `make dev`; here
a driver calls them at virtual times, with the market held still meanwhile.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from interfaces.learn.paper import paper_desk
from interfaces.learn.planted import declared
from interfaces.run.line import Line
from interfaces.run.market import MarketControl
from pipelines.windows import days_of_history, days_of_refresh
from resources.settings import Settings
from trading.market.timeframes import Timeframe, timeframe
from trading.store.lake import Lake

SCAN = 12  # the hour of the scan between two nights
LOOKS = (3, 6, 9, SCAN, 15, 18, 21)  # hours of market time at which a closed bar is looked at


@dataclass(frozen=True, slots=True)
class Day:
    """What a market day came to."""

    day: int
    at: datetime
    decisions: int
    days_of_decisions: int
    sensor: str
    evaluation: str
    verdict: str
    reason: str
    failed_rules: int
    champion: str | None
    shadow: str | None
    entries: int
    vetoed: int
    approved: int
    trades: int  # of all users, ended so far
    paper: int  # decisions of the training set whose outcome is theirs


@dataclass(slots=True)
class Story:
    """Everything that happened, with ids to follow back."""

    edge: str
    planted: str
    days: list[Day] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    trace: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """Return promoted, refused, or in its shadow period (not ended), as the journal has it."""
        events = [row["event"] for row in self.history]
        if "promoted" in events:
            return "promoted"
        return "in its shadow period" if events[-1:] == ["shadow_started"] else "refused"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        told = asdict(self)
        return told | {"outcome": self.outcome}


def live_through(
    market: MarketControl,
    settings: Settings,
    *,
    days: int,
    edge: str,
    on_day: Callable[[int, int, Day], None],
) -> Story:
    """Let `days` of market time pass, the whole line at night and a scan at noon; tell what came of it."""
    line, lake = Line(settings.home / "unused", settings.world_dir / "dagster.log"), Lake(settings.lake_dir)
    story, bar = Story(edge, declared(has_edge=edge == "planted")), timeframe(settings.timeframe)
    with paper_desk(line, market, settings) as desk:
        for number in range(1, days + 1):
            for hour in LOOKS if number > 1 else ():
                desk.pass_time(_next(market.now(), hour))
                _look(line, market.now(), bar, is_scan=hour == SCAN)
                desk.offer()
            desk.pass_time(_next(market.now(), 0))
            line.run("research", tags=days_of_history(market.now(), bar, settings.history_bars))
            day = _told(lake, number, market.now(), _sensor(line), desk.closed())
            desk.offer()
            story.days.append(day)
            on_day(number, days, day)
    story.history = _history()
    story.rules = rules(lake).select("model", "rule", "value", "comparison", "bound", "is_passed").to_dicts()
    story.trace = trace(lake)
    return story


def trace(lake: Lake) -> dict[str, Any]:
    """Return one signal with everything it leads back to: model, evaluation, training set, decisions.

    A vetoed one if there is any: that is where a model changed something.
    """
    rows = lake.read("signals").filter("is_candidate").sort("open_time", "symbol", descending=True)
    asked = rows.filter(pl.col("model_id").is_not_null())
    vetoed = asked.filter(pl.col("reason").str.starts_with("model:"))
    first = next((each for each in (vetoed, asked, rows) if not each.is_empty()), None)
    if first is None:
        return {}
    row = first.row(0, named=True)
    found = {name: row[name] for name in ("lineage_id", "symbol", "open_time", "reason", "model_id")}
    if row["model_id"] is None:
        return found
    from resources.learning import Learning
    from resources.order_log import OrderLogResource
    from resources.standing import taught_by
    from resources.store import Store
    from resources.teaching import taught_model

    core = Learning().registry.manifest(row["model_id"])["core"]
    taught = taught_by(Store(), core["dataset_id"])
    rows = lake.read("training_set", taught[0]) if taught else None
    ids = [] if rows is None else rows["signal_id"].to_list()
    traded = taught_model(Learning(), OrderLogResource(), row["model_id"])
    return found | {
        "top_features": row["top_features"],
        "model_threshold": row["model_threshold"],
        "probability": row["probability"],
        "dataset_id": core["dataset_id"],
        "training_set": taught[0] if taught else None,
        "decisions": len(ids),
        "first_decisions": ids[:3],
        "traded_on_paper": traded.height,
        "newest_traded": traded["signal_id"].head(3).to_list(),
        "its_trades": [] if traded.is_empty() else traded["trades"][0].to_list(),
        "champion_table": lake.latest("champion").version_id,  # type: ignore[union-attr]  # a model implies it
    }


def rules(lake: Lake) -> pl.DataFrame:
    """Return the newest evaluation's rules of the kind it chose, and those about the data."""
    frame = lake.read("model_evaluation")
    return frame.filter(pl.col("model").is_null() | (pl.col("model") == pl.col("chosen")))


def _next(now: datetime, hour: int) -> datetime:
    """Return five minutes past the next such hour."""
    target = now.replace(hour=hour, minute=5, second=0, microsecond=0)
    return target if target > now else target + timedelta(days=1)


def _look(line: Line, at: datetime, bar: Timeframe, *, is_scan: bool) -> None:
    """Look at the bar that has closed: all survivors by a scan, approved pairs alone between two of them."""
    if is_scan:
        line.run("market_scan", tags=days_of_refresh(at, bar))
        return
    quick = {"config": {"only_approved": True}}
    line.run("signal_tick", tags=days_of_refresh(at, bar), ops={"ohlcv": quick, "indicators": quick})


def _sensor(line: Line) -> str:
    """Ask `retraining_sensor` and run what it asks for; return what it said."""
    ran = line.fire_sensor("retraining_sensor")
    return f"ran {', '.join(result.run_id[:8] for result in ran)}" if ran else line.skipped or "nothing to do"


def _told(lake: Lake, number: int, at: datetime, said: str, trades: int) -> Day:
    learnt, verdict = lake.read("training_set"), lake.read("model_evaluation").row(0, named=True)
    champion, signals = lake.read("champion").row(0, named=True), lake.read("signals")
    newest = signals.filter(pl.col("is_candidate") & (pl.col("open_time") >= at - timedelta(days=1)))
    watched = champion["shadow_id"]
    return Day(
        number,
        at,
        learnt.height,
        learnt["decided_at"].dt.date().n_unique(),
        said,
        verdict["evaluation_id"],
        verdict["verdict"],
        verdict["verdict_reason"],
        rules(lake).filter(~pl.col("is_passed")).height,
        champion["model_id"],
        None if watched is None else f"{champion['shadow_seen']} of {champion['shadow_decisions']}",
        int(newest["is_entry"].sum()),
        newest.filter(pl.col("reason").str.starts_with("model:")).height,
        int(lake.read("approved_symbols")["is_approved"].sum()),
        trades,
        learnt.filter(pl.col("source") == "paper").height,
    )


def _history() -> list[dict[str, Any]]:
    from resources.learning import Learning

    return Learning().registry.journal.history().to_dicts()
