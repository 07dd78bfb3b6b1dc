"""The page of one evaluation: self-contained, dark and light, for a wide screen and a phone."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from interfaces import shell
from interfaces.reports import drawings, model_drawings, model_wording
from interfaces.reports.page import STYLES
from interfaces.reports.search_page import table
from interfaces.reports.wording import shown
from interfaces.run.report_sections import text
from trading.learning.protocol.gate import Judgement
from trading.learning.protocol.report import KindReport, ProtocolReport

_STYLE = Path(__file__).with_name("model.css")
_HEAD = (
    "total_return",
    "sharpe",
    "max_drawdown",
    "auc",
    "deflated_sharpe",
    "overfitting",
    "trades",
    "p_skill",
)


def write_model_page(report: ProtocolReport, judged: Judgement, path: Path, *, title: str) -> Path:
    """Write the page to `path`, whole or not at all, and return it."""
    return shell.write_whole(model_page(report, judged, title=title), path)


def model_page(report: ProtocolReport, judged: Judgement, *, title: str) -> str:
    """Return the page as text; sections with nothing to tell are left out."""
    style = "".join(one.read_text(encoding="utf-8") for one in (*STYLES, _STYLE))
    one = None if judged.kind is None else report.of(judged.kind)
    sections = [("gate", "The gate", _gate(judged))]
    if one is not None:
        sections += _sections(one)
        sections += [
            (f"other-{k.kind}", f"Beside it: {k.kind}", _all(k)) for k in report.kinds if k is not one
        ]
    return (
        f"{shell.head(text(title, 120), style)}"
        '<body class="backtest model"><a class="skip" href="#main">Skip to the figures</a>'
        f"{_header(report, judged, one, title)}{shell.main([s for s in sections if s[2]])}"
        '<footer><div class="in">Most models deserve to be refused; the rules trade on without them. '
        "An evaluation is an argument, not a promise.</div></footer></body></html>\n"
    )


def _header(report: ProtocolReport, judged: Judgement, one: KindReport | None, title: str) -> str:
    span = f"{(report.first or '–')[:10]} to {(report.last or '–')[:10]}" if report.first else "no decision"
    said = {"promoted": "Promoted", "refused": "Nothing promoted", "no_data": "No verdict: too little data"}
    notes = "".join(f"<li>{text(note, 400)}</li>" for note in report.notes)
    cells = ""
    if one is not None:
        for key in _HEAD:
            name, unit, _ = model_wording.FIGURES[key]
            value = model_wording.told(one.figures.get(key), unit)
            cells += f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>"
    return (
        f'<header><p class="brand"><b>Sluice</b>, {text(title, 120)}</p>'
        f"<h1>{said[str(judged.verdict)]}: <em>{text(judged.kind or 'no model')}</em></h1>"
        f'<p class="when">{text(judged.reason, 300)}</p>'
        f'<p class="when">{report.decisions:,} decisions on {report.days:,} days, {span}; '
        f"training set {text(report.dataset_id)}.</p>"
        f'{f"<ul class=minds>{notes}</ul>" if notes else ""}<dl class="figures">{cells}</dl></header>'
    )


def _gate(judged: Judgement) -> str:
    css = {None: "none", True: "yes", False: "no"}
    parts = []
    rows = judged.table.filter(pl.col("model").is_null() | (pl.col("model") == (judged.kind or "")))
    for row in rows.to_dicts():
        value, bound = ("–" if row[key] is None else f"{row[key]:.4g}" for key in ("value", "bound"))
        parts.append(
            f"<tr><th>{text(model_wording.rule(row['rule']))}</th><td class=n>{value}</td>"
            f"<td class=n>{text(row['comparison'])} {bound}</td>"
            f'<td class="{css[row["is_passed"]]}">{model_wording.passed(row["is_passed"])}</td>'
            f"<td>{text(row['reason'], 200) if row['is_passed'] is None else ''}</td></tr>"
        )
    head = "<tr><th>Rule</th><th class=n>Value</th><th class=n>Bound</th><th>Verdict</th><th></th></tr>"
    return (
        '<p class="lead">Every rule must hold. One that could not be measured refuses nobody.</p>'
        f'<div class="scroll" tabindex="0"><table class="gate"><thead>{head}</thead>'
        f"<tbody>{''.join(parts)}</tbody></table></div>"
    )


def _sections(one: KindReport) -> list[tuple[str, str, str]]:
    return [
        ("equity", "Equity, fold by fold", _equity(one) + _folds(one)),
        ("baselines", "Against simple things", _baselines(one)),
        ("calibration", "Do probabilities mean what they say?", _calibration(one)),
        ("stress", "At other costs", _stress(one)),
        ("leak", "Leak meter", _leak(one)),
        ("ablations", "What features are worth", _ablations(one)),
        ("seeds", "Luck of the seed", _seeds(one)),
        ("all", "Every figure", _all(one)),
    ]


def _equity(one: KindReport) -> str:
    frame = one.equity
    days = [float(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in frame["day"]]
    names = [name for name in frame.columns if name != "day"]
    drawn = [(name, list(zip(days, frame[name].to_list(), strict=True))) for name in names]
    vertical = drawings.around([1.0, *(value for name in names for value in frame[name])])
    edges = [at.timestamp() for at in one.folds["test_from"].to_list()[1:]]
    told = "Growth of 1 in the days tested; a dashed line where a new fold begins, after training anew."
    marks = drawings.scale_marks(vertical, lambda mark: f"{mark:.3g}")
    ends = f"<span>{frame['day'][0]}</span><span>{frame['day'][-1]}</span>"
    svg = model_drawings.lines("equity-l", "Equity", told, drawn, edges, vertical)
    return (
        f'<p class="lead">{told}</p><div class="plot"><div class="y" aria-hidden="true">{marks}</div>'
        f'<div>{svg}</div><div class="x" aria-hidden="true">{ends}</div></div>{model_drawings.legend(names)}'
    )


def _folds(one: KindReport) -> str:
    rows = [
        [
            str(row["fold"]), f"{row['test_from']:%Y-%m-%d}", f"{row['test_to']:%Y-%m-%d}",
            f"{row['trained_on']:,}", f"{row['decisions']:,}", f"{row['taken']:,}",
            shown(row["model"], "ratio"), shown(row["take_all"], "ratio"),
            "–" if row["auc"] is None else f"{row['auc']:.3f}",
        ]
        for row in one.folds.to_dicts()
    ]  # fmt: skip
    head = ["Fold", "Test from", "To", "Trained on", "Decisions", "Taken", "Model", "Take all", "AUC"]
    return table(head, rows)


def _baselines(one: KindReport) -> str:
    rows = [
        [
            row["baseline"], shown(row["total_return"], "ratio"),
            "–" if row["sharpe"] is None else f"{row['sharpe']:.2f}",
            shown(row["max_drawdown"], "ratio"), shown(row["median_fold"], "ratio"),
            "–" if row["trades"] is None else f"{row['trades']:,}",
        ]
        for row in one.baselines.to_dicts()
    ]  # fmt: skip
    beaten = model_wording.told(one.figures["random_percentile"], "ratio")
    lead = f"The same decisions, costs and stakes. It earns more than {beaten} of the random choices."
    head = ["", "Total return", "Sharpe", "Drawdown", "Median fold", "Trades"]
    return f'<p class="lead">{text(lead)}</p>{table(head, rows)}'


def _calibration(one: KindReport) -> str:
    rows = one.calibration.to_dicts()
    values = [row[key] for row in rows for key in ("said", "seen")]
    low, high = max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)
    told = one.figures
    lead = (
        f"Mean gap {model_wording.told(told['calibration_error'], '')}; perfect probabilities would show "
        f"{model_wording.told(told['calibration_floor'], '')} with as many decisions."
    )
    cells = [
        [str(row["bin"] + 1), f"{row['decisions']:,}", f"{row['said']:.3f}", f"{row['seen']:.3f}"]
        for row in rows
    ]
    ends = f"<span>said {low:.2f}</span><span>{high:.2f}</span>"
    return (
        f'<p class="lead">{text(lead)}</p><div class="beside"><div>'
        f"{model_drawings.reliability('reliability', rows, low, high)}<p class=axis>{ends}</p></div>"
        f"{table(['Bin', 'Decisions', 'Said', 'Seen'], cells)}</div>"
    )


def _stress(one: KindReport) -> str:
    points = [(row["multiple"], row["total_return"]) for row in one.stress.to_dicts()]
    vertical = drawings.around([0.0, *(value for _, value in points)])
    bps = one.figures["break_even_bps"]
    told = "Total return by multiples of the assumed cost: none, as assumed, up to three times."
    more = "" if bps is None else f" The mean trade breaks even at {bps:.0f} bps a round trip."
    drawn = [("total return", points), ("nothing", [(points[0][0], 0.0), (points[-1][0], 0.0)])]
    svg = model_drawings.lines("stress-l", "Cost stress", told, drawn, [], vertical)
    marks = drawings.scale_marks(vertical, lambda mark: shown(mark, "ratio"))
    ends = "".join(f"<span>{multiple:g}×</span>" for multiple in (0, 1, 2, 3))
    return (
        f'<p class="lead">{text(told + more)}</p><div class="plot low">'
        f'<div class="y" aria-hidden="true">{marks}</div>'
        f'<div>{svg}</div><div class="x" aria-hidden="true">{ends}</div></div>'
    )


def _leak(one: KindReport) -> str:
    told = one.figures
    shuffled, purged = told.get("shuffled_auc"), told.get("purged_auc")
    if shuffled is None or purged is None:
        return ""
    lead = (
        f"Tested wrongly, on shuffled rows, the same model shows an AUC of {shuffled:.3f}; with purged folds "
        f"{purged:.3f}. The gap of {shuffled - purged:+.3f} is what overlapping outcomes would give away."
    )
    rows = [
        ("shuffled folds (wrong)", shuffled, f"{shuffled:.3f}"),
        ("purged folds", purged, f"{purged:.3f}"),
    ]
    return f'<p class="lead">{text(lead, 400)}</p>{model_drawings.bars(rows, 0.4, 1.0)}'


def _ablations(one: KindReport) -> str:
    rows = [
        [
            f"without {row['without']}", str(row["features"]), f"{row['auc']:.4f}", f"{row['auc_lost']:+.4f}",
            shown(row["total_return"], "ratio"), shown(row["return_lost"], "ratio"),
        ]
        for row in one.ablations.to_dicts()
    ]  # fmt: skip
    if not rows:
        return ""
    lead = "The model again without a group of features: what is lost is what they were worth."
    head = ["", "Features", "AUC", "AUC lost", "Total return", "Return lost"]
    return f'<p class="lead">{lead}</p>{table(head, rows)}'


def _seeds(one: KindReport) -> str:
    rows = [
        [
            f"{row['seed']}{' (the model)' if place == 0 else ''}", f"{row['auc']:.4f}", f"{row['taken']:,}",
            shown(row["total_return"], "ratio"),
        ]
        for place, row in enumerate(one.seeds.to_dicts())
    ]  # fmt: skip
    returns = one.seeds["total_return"]
    lead = (
        f"Total return: median {shown(returns.median(), 'ratio')}, from {shown(returns.min(), 'ratio')} to "
        f"{shown(returns.max(), 'ratio')}. The first seed is the model, whatever the others show."
    )
    return f'<p class="lead">{text(lead)}</p>{table(["Seed", "AUC", "Taken", "Total return"], rows)}'


def _all(one: KindReport) -> str:
    rows = [[row["figure"], row["value"], row["meaning"]] for row in model_wording.figures(one)]
    return table(["", "Value", "Meaning"], rows, words=True)
