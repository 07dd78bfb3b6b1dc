"""Numbers and sentences of a run record as people read them; shared by the terminal and report.html.

Not here: layout. Nothing here escapes for HTML; `plain` only takes away what could mislead a reader.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from interfaces.run.record import RunRecord, ScanSpeed, Stage

# A symbol or a headline is foreign text and may be of any length.
MAX_TEXT = 240
STAGES = {
    "markets": "Listed, sound and scannable",
    "prefilter": "Liquid at a glance",
    "screening": "Moves enough, signals",
    "backtest": "Backtested",
    "approval": "Approved",
}


def plain(text: object, limit: int = MAX_TEXT) -> str:
    """Return `text` without control and direction characters, cut to `limit` characters."""
    clean = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") else char
        for char in str(text)[: limit + 1]
    )
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def moment(iso: str) -> str:
    """Return an ISO time as ``2025-03-03 04:15``; text that is no time is returned as it is."""
    try:
        return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"
    except ValueError:
        return plain(iso, 40)


def percent(fraction: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """Return a fraction as percent; a dash for None."""
    if fraction is None:
        return "–"
    return _minus(f"{fraction * 100:{'+' if signed else ''}.{digits}f} %")


def money(amount: str | Decimal | float, *, signed: bool = True) -> str:
    """Return an amount in quote units with two decimals and, unless told otherwise, its sign."""
    # Some libraries change the context that quantize would otherwise round by.
    value = Decimal(str(amount)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    if value == 0:
        return "0.00"  # never a minus before nothing
    return _minus(f"{value:{'+' if signed else ''},.2f}")


def number(value: object) -> str:
    """Return any figure of a table briefly; text passes through."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _minus(f"{value:,.4g}")
    return plain(value)


def seconds(value: float) -> str:
    """Return wall seconds: ``0.42 s``, ``12.7 s``, ``214 s``."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def stage_title(stage: Stage) -> str:
    """Return what a stage lets through, in words; an unknown stage by its own name."""
    return STAGES.get(stage.stage, plain(stage.stage).replace("_", " ").capitalize())


def rule_name(rule: str) -> str:
    """Return a rule's name with spaces."""
    return plain(rule, 60).replace("_", " ")


def main_reason(stage: Stage) -> str:
    """Return the rule that dropped most and how many, or a dash."""
    if not stage.reasons:
        return "–"
    rule, count = next(iter(stage.reasons.items()))
    return f"{rule_name(rule)}: {count:,}"


def scan_sentence(scan: ScanSpeed) -> str:
    """Say how long the scan would have taken one by one, how long it took, and what the venue allows."""
    return (
        f"One symbol after another this scan would take {scan.one_by_one_s:,.0f} s (measured on a sample of "
        f"{scan.sample}, extrapolated); it took {seconds(scan.took_s)}; the exchange's own limit allows "
        f"{seconds(scan.floor_s)}."
    )


def scan_conditions(scan: ScanSpeed) -> str:
    """Say under which conditions the scan was measured."""
    return (
        f"{scan.requests:,} requests at most {scan.rate_per_s:g} a second, {scan.round_trip_ms:g} ms until "
        f"each answer, {scan.http_429} refused for haste (429)."
    )


def planted_sentence(record: RunRecord) -> str:
    """Say how many approved symbols carry an edge that the market's maker put there; empty if none."""
    planted = sum(row.is_planted for row in record.approved)
    if planted == 0:
        return ""
    return (
        f"{planted} of {len(record.approved)} approved symbols carry an edge that the market's maker "
        "planted: their profit shows that the machinery works, not that a strategy earns."
    )


def kill_sentence(record: RunRecord) -> str:
    """Say what the kill interrupted and what became of it; empty when nothing was killed."""
    if record.kill is None:
        return ""
    kill = record.kill
    return (
        f"The engine was killed on purpose at {moment(kill.at_market)} with {kill.in_flight} orders in "
        f"flight and {kill.open_positions} positions open, and was back after {seconds(kill.restart_s)}: "
        f"{record.lost} orders lost, {record.doubled} doubled."
    )


def total_pnl(record: RunRecord) -> dict[str, Decimal]:
    """Return the P&L of closed trades per mode: paper and live money are never added."""
    totals: dict[str, Decimal] = {}
    for user in record.users:
        totals[user.mode] = totals.get(user.mode, Decimal(0)) + Decimal(user.pnl_quote)
    return totals


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of a model: in which pass (`heading`, may be empty), the word, why, rule by rule."""

    heading: str
    verdict: str
    reason: str
    rules: list[dict[str, object]]


def verdicts(model: Mapping[str, object]) -> list[Verdict]:
    """Return every verdict that a record's `model` holds, the last one last.

    The record may hold one verdict, one per pass (`first_pass`, `second_pass`), or both; a pass may be a
    sentence or a mapping of its own.
    """
    found = [_verdict("", model)] if "verdict" in model else []
    for key in ("first_pass", "second_pass"):
        said = model.get(key)
        heading = f"{key.replace('_', ' ').capitalize()}: "
        if isinstance(said, Mapping):
            found.append(_verdict(heading, said))
        elif said:
            found.append(Verdict(heading, plain(said, 400), "", []))
    return found or [Verdict("", "no model", "", [])]


def _verdict(heading: str, said: Mapping[str, object]) -> Verdict:
    rules = said.get("table") or said.get("rules") or []
    if isinstance(rules, str):
        rules = json.loads(rules)
    return Verdict(
        heading,
        plain(said.get("verdict", "no model")).replace("_", " "),
        plain(said.get("reason") or "", 400),
        [_rule(row) for row in rules if isinstance(row, Mapping)] if isinstance(rules, Iterable) else [],
    )


def _rule(row: Mapping[str, object]) -> dict[str, object]:
    """Return a rule with its verdict in a word, also where a table says it as a flag."""
    if "verdict" in row or "is_passed" not in row:
        return dict(row)
    said = "not measured" if row["is_passed"] is None else "passed" if row["is_passed"] else "failed"
    return dict(row) | {"verdict": said}


def heading(words: str) -> str:
    """Return `words` with a capital in front and spaces for underscores."""
    clean = plain(words, 120).replace("_", " ")
    return f"{clean[:1].upper()}{clean[1:]}"


def sentence(words: str) -> str:
    """Return `words` beginning with a capital and ending with a full stop."""
    clean = plain(words, 600)
    return f"{clean[:1].upper()}{clean[1:]}" + ("" if clean.endswith((".", "!", "?", "…")) else ".")


def followable(record: RunRecord) -> str | None:
    """Return the lineage id that tells most: the last one of the story, else that of an approval."""
    ids = [step.lineage_id for step in record.story if step.lineage_id]
    ids = ids or [row.lineage_id for row in record.approved]
    return ids[-1] if ids else None


def _minus(text: str) -> str:
    return text.replace("-", "−")
