"""First screen: is it trading, and if not, why. The same findings as `sluice status`, and the funnel."""

from collections.abc import Mapping
from typing import Any

from interfaces.cli import funnel, status
from interfaces.run.wording import STAGES
from interfaces.ui import sections
from interfaces.ui.foreign import clean
from interfaces.ui.sections import Section
from interfaces.ui.world import World

_DANGER = (" NO engine", "no entries:", "refuses to write")


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return verdict, its tone, and the sections under it."""
    del asked
    found = status.report(world.settings, world.lake, opened=world.log)
    stages = funnel.summary(world.lake)
    verdict = found["verdict"]
    return {
        "verdict": clean(verdict[:1].upper() + verdict[1:], 900),
        "tone": tone(verdict),
        "market_now": clean(found["market_now"]),
        "sections": [
            _signs(found),
            funnel_of(stages),
            _gates(found),
            _blocking(found),
            *_money(world),
            _inputs(found),
        ],
    }


def tone(verdict: str) -> str:
    """Return good, wait or bad for a verdict of `sluice status`."""
    if any(word in verdict for word in _DANGER):
        return "bad"
    return "good" if verdict.startswith("trading") else "wait"


def _signs(found: Mapping[str, Any]) -> Section:
    oldest = found["oldest_input"]
    boxes = [
        ("Engine", "running" if found["engine"]["is_running"] else "off", found["engine"]["said"]),
        ("Exchange", _answer(found["exchange"]["answers"]), found["exchange"]["said"]),
        ("Cache", _answer(found["cache"]["answers"]), found["cache"]["said"]),
        ("Open positions", f"{len(found['open_trades']):,}", f"{found['closed_trades']:,} closed trades"),
    ]
    if oldest is not None:
        age = "–" if oldest["age_h"] is None else f"{oldest['age_h']:,.1f} h"
        boxes.append(("Oldest input", age, f"{oldest['table']}, in market time"))
    return sections.figures("Signs of life", boxes)


def _answer(answers: bool | None) -> str:
    return "not set" if answers is None else "answers" if answers else "silent"


def funnel_of(stages: list[dict[str, Any]]) -> Section:
    """Bars of what each stage let through, and where it ran dry."""
    if not stages:
        return sections.words("Where the symbols went", ["No pass yet. Next: sluice run"])
    whole = max(stages[0]["in"], 1)
    dry = next((stage for stage in stages if stage["out"] == 0), None)
    rows = [
        (
            STAGES.get(stage["stage"], stage["stage"]),
            stage["out"],
            whole,
            f"{stage['out']:,} of {stage['in']:,}{_fell(stage)}",
        )
        for stage in stages
    ]
    said = (
        f"{stages[0]['in']:,} symbols came in, {stages[-1]['out']:,} passed everything."
        if dry is None
        else f"The funnel ran dry at {STAGES.get(dry['stage'], dry['stage'])}: {clean(dry['main_reason'])}."
    )
    dried = [name for name, out, _, _ in rows if out == 0]
    return sections.bars("Where the symbols went", rows, said, dried)


def _fell(stage: Mapping[str, Any]) -> str:
    return "" if stage["main_reason"] is None else f"; most fell by {stage['main_reason']}"


def _gates(found: Mapping[str, Any]) -> Section:
    columns = [("gate", "Gate", "text"), ("whom", "For whom", "text"), ("why", "Why", "text")]
    return sections.table("Closed gates", columns, found["gates"], empty="No gate is closed.")


def _blocking(found: Mapping[str, Any]) -> Section:
    columns = [
        ("rule", "Rule", "text"),
        ("users", "Users", "number"),
        ("times", "Times", "number"),
        ("value", "Measured", "number"),
        ("bound", "Bound", "number"),
        ("reason", "Why", "text"),
    ]
    rows = [
        row | {"bound": None if row["bound"] is None else float(row["bound"])} for row in found["blocking"]
    ]
    return sections.table(
        "What kept users out, newest market day", columns, rows, empty="Nothing kept anybody out."
    )


def _money(world: World) -> list[Section]:
    from trading.store.order_log import screens

    with world.log() as log:
        rows = [] if log is None else screens.money(log.database)
    return [money_of(row) for row in rows]


def money_of(row: Mapping[str, Any]) -> Section:
    """Figures of one mode's money; no figure here adds two modes."""
    rate = f"{row['winners']:,} won" if row["closed"] else "none yet"
    boxes = [
        ("P&L of closed trades", f"{row['pnl_quote'] or 0:+,.2f}", "quote units, fees included"),
        ("Closed trades", f"{row['closed']:,}", rate),
        ("Fees", f"{row['fees_quote'] or 0:,.2f}", "quote units"),
        ("Users", f"{row['users']:,}", f"{row['capital'] or 0:,.0f} quote units of capital"),
    ]
    return sections.figures(f"Money, {row['mode']}", boxes)


def _inputs(found: Mapping[str, Any]) -> Section:
    columns = [
        ("table", "Table", "text"),
        ("rows", "Rows", "number"),
        ("as_of", "As of (market time)", "time"),
        ("age_h", "Age, hours", "number"),
        ("version", "Version", "text"),
    ]
    return sections.table("Newest tables", columns, found["tables"], empty="No table yet. Next: sluice run")
