"""Hostile names and headlines in every table, lake and order log, seen through Chromium's own DOM."""

import json
from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from bench import chromium
from interfaces.drill import shelf
from interfaces.ui import vendored
from interfaces.ui.catalogue import PAGES
from tests.interfaces.ui.conftest import PASSWORD, visit
from tests.trading.store.lineage_world import AT
from trading.learning.drift import DRIFTS
from trading.market.errors import MissingData
from trading.news.items import NEWS
from trading.store.order_log import schema
from trading.xray.clusters import CLUSTERS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(vendored.wrong()), reason="no browser libraries here: make setup fetches them"),
]
HOSTILE = (
    '<img src=x onerror="window.hit=1">/USDT',
    "<script>window.hit=1</script>",
    '"><svg onload=window.hit=1><a href="javascript:window.hit=1">x</a>',
    "[x](javascript:window.hit=1) **bold** ![i](//evil.example/x.png)",
    "\u202eTDSU/CBA\u2066",
    "Ж" * 10_000,
)
LATER = AT + timedelta(days=1)
_NESTED = pl.List(pl.String)
# Tables that the small world has not, with the columns that pages read.
MADE = {
    "approval_rules": {"symbol": pl.String, "position": pl.Int64, "rule": pl.String, "value": pl.Float64,
                       "comparison": pl.String, "bound": pl.Float64, "is_passed": pl.Boolean,
                       "reason": pl.String},
    "cluster_map": {"symbol": pl.String, "x": pl.Float64, "y": pl.Float64},
    "clusters": CLUSTERS,
    "model_drift": DRIFTS,
    "news_events": NEWS,
    "prediction_outcomes": {"closed_at": pl.Datetime("ms", "UTC"), "decided_at": pl.Datetime("ms", "UTC"),
                            "symbol": pl.String, "role": pl.String, "probability": pl.Float64,
                            "threshold": pl.Float64, "is_taken": pl.Boolean, "net_return": pl.Float64,
                            "regime": pl.String, "source": pl.String, "model_id": pl.String},
    "trade_pool": {"signal_id": pl.String, "symbol": pl.String, "exit_reason": pl.String},
}  # fmt: skip
# What the log itself keeps to a few words (CHECK) or looks up by: poisoned, nothing could be read at all.
_KEPT = ("payload", "status", "side", "type", "mode", "kind", "scope", "exits", "terms", "body", "params")


def value_of(dtype, text):
    if dtype == pl.String:
        return text
    if dtype == _NESTED:
        return [text]
    if dtype == pl.Boolean:
        return True
    if isinstance(dtype, pl.Datetime) or dtype == pl.Datetime:
        return LATER
    return 0.5 if dtype in (pl.Float64, pl.Float32) else 0


def plant_lake(lake):
    """Give every table, present or made, one row per hostile text, in all its text columns."""
    for name in lake.assets():
        try:
            frame = lake.read(name).drop("lineage_id", strict=False)
        except MissingData:
            continue  # a record without rows of its own: candles hold them
        texts = [column for column, dtype in frame.schema.items() if dtype == pl.String]
        bad = [frame.head(1).with_columns(pl.lit(text).alias(column) for column in texts) for text in HOSTILE]
        keys = [*texts, *(column for column, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime))]
        lake.publish(name, pl.concat([frame, *bad]), key=keys, at=LATER, run_id="r-bad")
    for name, columns in MADE.items():
        rows = [{column: value_of(dtype, text) for column, dtype in columns.items()} for text in HOSTILE]
        frame = pl.DataFrame(rows, schema=columns, strict=False)
        key = next(column for column, dtype in columns.items() if dtype == pl.String)
        lake.publish(name, frame, key=[key], at=LATER, run_id="r-bad")


def plant_log(log):
    """Overwrite every free text of every row of the order log."""
    planted = 0
    with log.database.write() as connection:
        for table in schema.metadata.tables.values():
            keys = {column.name for column in table.primary_key} | {
                column.name for column in table.columns if column.foreign_keys
            }
            free = [
                column for column in table.columns
                if isinstance(column.type, sa.String) and column.name not in keys
                and column.name not in _KEPT and not column.name.endswith(("_id", "_ms", "coid"))
            ]  # fmt: skip
            for number, column in enumerate(free):
                try:
                    with connection.begin_nested():
                        found = connection.execute(table.update().values({column: HOSTILE[number % 6]}))
                        planted += found.rowcount
                except (sa.exc.DBAPIError, sa.exc.StatementError, TypeError, ValueError):
                    continue  # a number kept as text, or a row that the log lets nobody change
    return planted


def plant_files(world):
    """And what lies beside them: drills, evaluations, the audit."""
    told = {"drill": "kill", "runs": HOSTILE[0], "passed": True, "figures": {HOSTILE[1]: HOSTILE[2]}}
    shelf.keep(world, told, HOSTILE[0])
    folder = world / "models" / "evaluations"
    folder.mkdir(parents=True)
    rule = {"rule": HOSTILE[0], "reason": HOSTILE[5], "is_passed": False}
    bad = {"at": HOSTILE[0], "evaluation_id": HOSTILE[1], "verdict": HOSTILE[2], "reason": HOSTILE[3]}
    bad |= {"figures": {}, "table": [rule]}
    (folder / "evl-0.json").write_text(json.dumps(bad))
    (world / "ui_audit.jsonl").write_text(
        json.dumps({"at": HOSTILE[0], "what": HOSTILE[1], "who": HOSTILE[4]}) + "\n"
    )


LOOK = """(() => {
  const all = [...document.querySelectorAll('*')];
  return {
    hit: window.hit ?? 0,
    handlers: all.filter((node) => [...node.attributes].some((a) => a.name.startsWith('on'))).length,
    scripts: [...document.scripts].filter((s) => !s.src.startsWith(location.origin)).length,
    links: [...document.links].filter((a) => a.protocol === 'javascript:' || a.origin !== location.origin)
      .filter((a) => !a.closest('#chart')).length,
    images: [...document.images].filter((i) => !i.src.includes('/static/')).length,
    bold: document.querySelectorAll('main b, main strong, main iframe, main object').length,
    marks: /[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent),
    longest: Math.max(...all.filter((node) => !node.children.length && node.tagName !== 'SCRIPT')
      .map((node) => node.textContent.length)),
    wide: document.documentElement.scrollWidth,
    shown: document.body.textContent.includes('window.hit=1'),
  };
})()"""


def test_nothing_planted_in_any_table_becomes_more_than_text(tab, served, traded):
    """HTML, scripts, Markdown, direction marks and 10 kB: no element, no link, no handler, no wide page."""
    plant_lake(traded.lake)
    assert plant_log(traded.log) > 5
    plant_files(traded.lake.root.parent)
    tab.log_in(served, "ada", PASSWORD)
    tab.size(390, 844, phone=True)
    shown = 0
    for page in PAGES:
        visit(tab, served, page)
        seen = tab.js(LOOK)
        shown += seen.pop("shown")
        allowed = 1 if page.name == "live" else 0  # the dialog's own word to type
        assert seen.pop("bold") <= allowed, page.name
        assert seen.pop("longest") <= 900, page.name
        assert seen.pop("wide") <= 390, page.name
        assert seen == {"hit": 0, "handlers": 0, "scripts": 0, "links": 0, "images": 0, "marks": False}, (
            page.name
        )
    assert shown >= 8  # it was there to be seen, on most pages
    assert [url for url in tab.requests if not url.startswith((served, "data:", "about:"))] == []
    assert tab.errors == []
