"""An evaluation in the terminal: the gate, then everything the protocol asks for."""

import polars as pl

from interfaces.cli.output import print_table
from interfaces.reports import model_wording
from interfaces.reports.wording import shown
from trading.learning.protocol.gate import Judgement
from trading.learning.protocol.report import KindReport, ProtocolReport


def print_evaluation(report: ProtocolReport, judged: Judgement) -> None:
    """Print the report as tables on stdout."""
    sources = ", ".join(f"{count:,} {name}" for name, count in report.by_source.items())
    print(f"{report.dataset_id}: {report.decisions:,} decisions on {report.days:,} days ({sources})")
    for note in report.notes:
        print(note)
    for one in report.kinds:
        _print_kind(one, judged)
    if not report.kinds:
        _print_gate(judged, "")
    print(f"{str(judged.verdict).replace('_', ' ')}: {judged.reason}")


def _print_kind(one: KindReport, judged: Judgement) -> None:
    kind = one.kind
    print_table(model_wording.figures(one), title=f"{kind}: every figure")
    folds = [
        {**row, "test_from": f"{row['test_from']:%Y-%m-%d}", "test_to": f"{row['test_to']:%Y-%m-%d}"}
        | {key: shown(row[key], "ratio") for key in ("model", "take_all")}
        for row in one.folds.to_dicts()
    ]
    print_table(folds, title=f"{kind}: folds")
    for name in ("baselines", "stress"):
        rows = [
            {key: shown(value, "ratio") if key in _RATIOS else value for key, value in row.items()}
            for row in getattr(one, name).to_dicts()
        ]
        print_table(rows, title=f"{kind}: {name}")
    for name in ("calibration", "seeds", "ablations"):
        print_table(getattr(one, name).to_dicts(), title=f"{kind}: {name}", empty="none")
    _print_gate(judged, kind)


_RATIOS = {"total_return", "max_drawdown", "median_fold", "mean_return"}


def _print_gate(judged: Judgement, kind: str) -> None:
    rows = judged.table.filter(pl.col("model").is_null() | (pl.col("model") == kind)).to_dicts()
    shown_rows = [
        {
            "rule": model_wording.rule(row["rule"]),
            "value": row["value"],
            "": row["comparison"],
            "bound": row["bound"],
            "verdict": model_wording.passed(row["is_passed"]),
        }
        for row in rows
    ]
    print_table(shown_rows, title=f"{kind or 'no model'}: the gate")
