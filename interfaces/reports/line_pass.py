"""The pages of a research pass: all approved pairs as one portfolio, and a page for each of them.

Read from the lake's tables of that pass; nothing is run again. A pass is named by its version of
`approved_symbols`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from interfaces.reports.page import write_html
from interfaces.reports.report import BacktestReport, make_report
from interfaces.reports.sections import cell, coloured, simple_table
from interfaces.run.report_sections import name_of, text
from trading.backtest.costs import CostModel
from trading.market.errors import MissingData
from trading.market.lineage import Version
from trading.store.lake import Lake

MOST_PAGES = 60
_PICKED = "Approved pairs were picked by these very trades: this is what they did, not what to expect."
_PRICES = ("symbol", "open_time", "open", "high", "low", "close")
# Column, title, unit; `signed` is a fraction that can be lost.
_GATE = (
    ("trades", "Trades", "count"),
    ("total_return", "Return", "signed"),
    ("total_return_freqtrade", "freqtrade's fills", "signed"),
    ("fragility", "Gap", "ratio"),
    ("max_drawdown", "Drawdown", "ratio"),
    ("capacity_quote", "Capacity", "quote"),
    ("fleet_stake_quote", "Users' stake", "quote"),
    ("score", "Score", "signed"),
)


@dataclass(frozen=True, slots=True)
class LinePass:
    """What one pass decided, and on what: verdicts, rules, figures and trades of every backtested pair."""

    version: Version
    verdicts: pl.DataFrame = field(repr=False)
    rules: pl.DataFrame = field(repr=False)
    metrics: pl.DataFrame = field(repr=False)
    trades: pl.DataFrame = field(repr=False)
    candles: pl.DataFrame = field(repr=False)

    @property
    def approved(self) -> list[str]:
        """Approved pairs, best score first."""
        return self.verdicts.filter("is_approved")["symbol"].to_list()

    def of_approved(self) -> pl.DataFrame:
        """Trades of approved pairs; of all pairs where none was approved."""
        return self.trades.filter(pl.col("symbol").is_in(self.approved)) if self.approved else self.trades


def line_pass(lake: Lake, named: str = "") -> LinePass:
    """Return a pass: the newest, the one before it (`previous`), or that of a version of `approved_symbols`.

    Raises
    ------
    MissingData
        If there is none.
    """
    known = lake.looks("approved_symbols")["version_id"].unique(maintain_order=True).to_list()
    place = {"": 1, "previous": 2}.get(named)
    if place is not None and len(known) < place:
        raise MissingData(
            f"{place} research passes are needed, there are {len(known)}: `sluice run` makes one"
        )
    version = lake.version(named if place is None else known[-place])
    results = lake.version(_input(version, "backtest_results"))
    path = lake.data_path("indicators", _input(results, "indicators"))
    bars = pl.scan_parquet(path, hive_partitioning=False)
    verdicts = lake.read("approved_symbols", version.version_id)
    approved = verdicts.filter("is_approved")["symbol"].to_list()
    return LinePass(
        version,
        verdicts,
        lake.read("approval_rules", _of_the_same_run(lake, version)),
        lake.read("backtest_results", results.version_id),
        lake.read("backtest_trades", _input(version, "backtest_trades")),
        bars.filter(pl.col("symbol").is_in(approved)).select(_PRICES).collect(),
    )


def portfolio(found: LinePass) -> BacktestReport:
    """Return all approved pairs as one backtest: the same stake in each, side by side."""
    stake = CostModel().stake_quote
    count = len(found.approved)
    notes = [_PICKED] if count else ["Nothing was approved: figures are of every backtested pair."]
    return make_report(
        _staked(found.of_approved()),
        candles=found.candles if count else None,
        title=f"research of {found.version.created_at:%Y-%m-%d %H:%M}",
        start_balance=stake * max(count, 1),
        notes=notes,
    )


def write_pass(found: LinePass, path: Path) -> list[Path]:
    """Write the portfolio's page to `path` and a page for each approved pair beside it; return all paths."""
    pages = {symbol: f"{path.stem}-{_file(symbol)}.html" for symbol in found.approved[:MOST_PAGES]}
    told = portfolio(found)
    first = (("approved", "Approved", _approved(found, pages)), _fallen(found))
    written = [write_html(told, path, first=first)]
    for symbol, name in pages.items():
        own = pl.col("symbol") == symbol
        report = make_report(
            _staked(found.trades.filter(own)),
            candles=found.candles.filter(own),
            title=f"{symbol}, research of {found.version.created_at:%Y-%m-%d %H:%M}",
            start_balance=CostModel().stake_quote,
            notes=[_PICKED],
        )
        gate = ("gate", "The gate", _gate(found.rules.filter(own)))
        written.append(write_html(report, path.with_name(name), first=(gate,)))
    return written


def _approved(found: LinePass, pages: dict[str, str]) -> str:
    lead = f"{len(found.approved):,} of {found.verdicts.height:,} backtested pairs are approved."
    there = set(found.metrics.columns) - set(found.verdicts.columns)
    extra = [name for name, _, _ in _GATE if name in there]
    rows = found.verdicts.filter("is_approved").join(
        found.metrics.select("symbol", *extra), on="symbol", how="left", maintain_order="left"
    )
    shown = [column for column in _GATE if column[0] in rows.columns]
    body = [_pair(row, shown, pages.get(row["symbol"])) for row in rows.to_dicts()]
    head = "<th></th>" + "".join(f'<th class="n">{title}</th>' for _, title, _ in shown)
    return f'<p class="lead">{lead}</p>' + (simple_table(head, body) if body else "")


def _pair(row: dict[str, object], shown: Sequence[tuple[str, str, str]], page: str | None) -> str:
    name = name_of(str(row["symbol"]))
    linked = name if page is None else f'<a href="{text(page, 200)}">{name}</a>'
    cells = "".join(
        f'<td class="n">{coloured(row[key])}</td>' if unit == "signed" else cell(row[key], unit)  # type: ignore[arg-type]  # a number, by its unit
        for key, _, unit in shown
    )
    return f"<tr><th>{linked}</th>{cells}</tr>"


def _fallen(found: LinePass) -> tuple[str, str, str]:
    """Which rule was the first to refuse how many."""
    fell = found.verdicts.filter(~pl.col("is_approved")).group_by("failed_rule").len()
    rows = [
        f"<tr><th>{text(rule, 60)}</th>{cell(count, 'count')}</tr>"
        for rule, count in fell.sort("len", "failed_rule", descending=[True, False]).iter_rows()
    ]
    body = simple_table('<th>First rule that refused</th><th class="n">Pairs</th>', rows) if rows else ""
    return "refused", "Refused", body


def _gate(rules: pl.DataFrame) -> str:
    rows = [
        f"<tr><th>{text(row['rule'], 60)}</th>{cell(_short(row['value']), 'number')}"
        f"<td>{text(row['comparison'])}</td>{cell(_short(row['bound']), 'number')}"
        f"<td>{'passed' if row['is_passed'] else 'failed'}</td></tr>"
        for row in rules.sort("position").to_dicts()
    ]
    head = '<th></th><th class="n">Value</th><th></th><th class="n">Bound</th><th>Verdict</th>'
    return simple_table(head, rows, css="gate")


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return "∞" if value == float("inf") else f"{value:.4g}"


def _staked(trades: pl.DataFrame) -> pl.DataFrame:
    """The same stake in each trade, whatever a thin bar let a backtest buy: pairs are compared, not sized."""
    stake = CostModel().stake_quote
    return trades.with_columns(stake=pl.lit(stake), amount=stake / pl.col("open_price"))


def _file(symbol: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in symbol)


def _of_the_same_run(lake: Lake, version: Version) -> str:
    beside = [one for one in lake.versions("approval_rules") if one.created_at == version.created_at]
    return next(one.version_id for one in reversed(beside) if one.params == version.params)


def _input(version: Version, asset: str) -> str:
    return next(name for name in version.inputs if name.startswith(f"v-{asset}-"))
