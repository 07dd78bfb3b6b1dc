"""Evaluations of models: the list, and one in full, the report: figures, and every rule with its bound."""

import json
import math
from pathlib import Path
from typing import Any

from interfaces.ui import sections
from interfaces.ui.sections import Section
from trading.market.errors import BadInput

MOST = 200
# The figures by which a person judges first; the rest are in the table under them.
_HEAD = (
    ("decisions", "Decisions", ",.0f"),
    ("days", "Days", ",.0f"),
    ("auc", "AUC", ".3f"),
    ("brier_skill", "Brier skill", ".3f"),
    ("total_return", "Return, after costs", "+.2%"),
    ("max_drawdown", "Largest drawdown", ".2%"),
    ("deflated_sharpe", "Deflated Sharpe", ".3f"),
    ("overfitting", "Chance of overfitting", ".3f"),
)
_RULES = (
    ("model", "Of", "text"),
    ("rule", "Rule", "text"),
    ("value", "Value", "number"),
    ("comparison", "Must be", "text"),
    ("bound", "Bound", "number"),
    ("verdict", "Verdict", "tag"),
    ("reason", "In words", "text"),
)


def found(models: Path) -> list[dict[str, Any]]:
    """Return every evaluation of a world, newest first."""
    return sorted(
        (_read(path) for path in (models / "evaluations").glob("evl-*.json")), key=_at, reverse=True
    )


def chosen(every: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """Return the one that is asked for, the newest where none is; None where there is none at all.

    Raises
    ------
    BadInput
        If there is no such evaluation.
    """
    if not wanted:
        return every[0] if every else None
    for one in every:
        if one.get("evaluation_id") == wanted:
            return one
    raise BadInput(f"no evaluation {wanted!r}; choose one of the list on the page Models")


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError):
        read = None
    if isinstance(read, dict):
        return read
    return {"evaluation_id": path.stem, "verdict": "unreadable", "reason": "its file cannot be read"}


def _at(one: dict[str, Any]) -> str:
    return str(one.get("at") or "")


def verdict(one: dict[str, Any] | None) -> Section:
    """Return the verdict of an evaluation with the figures by which a person judges first."""
    title = "How the gate judged"
    if one is None:
        return sections.words(title, ["No model was evaluated yet."])
    figures = one.get("figures") or {}
    boxes = [("Verdict", one.get("verdict") or "–", one.get("reason") or "")]
    boxes += [
        (name, format(figures[key], form), "")
        for key, name, form in _HEAD
        if isinstance(figures.get(key), int | float)
    ]
    said = (
        f"Evaluation {one.get('evaluation_id')} of {one.get('model_id') or 'no model'}, {_at(one)[:16]} UTC."
    )
    return sections.figures(title, boxes, said)


def tables(one: dict[str, Any] | None, every: list[dict[str, Any]]) -> list[Section]:
    """Return its whole report, every rule and every figure, and the list of all evaluations."""
    if one is None:
        return []
    rules = [
        rule | {"verdict": "passed" if rule.get("is_passed") else "fell"} for rule in one.get("table") or []
    ]
    figures = [
        {"figure": name.replace("_", " "), "value": value}
        for name, value in sorted((one.get("figures") or {}).items())
        if isinstance(value, int | float) and math.isfinite(value)
    ]
    columns = (("figure", "Figure", "text"), ("value", "Value", "number"))
    return [
        _list(every),
        sections.table("Every rule of this evaluation", _RULES, rules),
        sections.table("Every figure of this evaluation", columns, figures),
    ]


def _list(every: list[dict[str, Any]]) -> Section:
    columns = [
        ("at", "At (market)", "time"),
        ("evaluation_id", "Report", "evaluation"),
        ("verdict", "Verdict", "tag"),
        ("kind", "Kind", "text"),
        ("reason", "Why", "text"),
        ("model_id", "Model", "text"),
        ("dataset_id", "Training set", "text"),
    ]
    rows = [one | {"at": _at(one)[:19] + "Z" if _at(one) else None} for one in every[:MOST]]
    return sections.table("Evaluations", columns, rows, total=len(every))
