"""Pages of tables: the order log's as SQLAlchemy has them, the lake's frames as the code declares them."""

import re
from pathlib import Path

from interfaces.docs.words import comments_above, comments_beside, table

ROOT = Path(__file__).resolve().parents[2]

_ORDER_LOG = """\
Revision {head}; `sluice log revision` says which one a log is at, `sluice log upgrade` brings it up. One
schema for SQLite and Postgres. Money is the plain text of a decimal; times are milliseconds since the epoch,
UTC: `*_ms` market time, `*_wall_ms` this machine's. How it is used: [order log](../order-log.md)."""
_LAKE = """\
Frames that pass between stages with the same columns in every version. Time is UTC; prices are Float64. Every
published table also carries `lineage_id`, the name of the row. Tables of single stages (indicators,
correlations, evaluations, …) are described on their [assets](assets.md); where the files lie:
[store](../store.md)."""


def order_log() -> str:
    """Return the page of the order log, without its title: every table with its columns."""
    import trading.store.order_log
    from trading.store.order_log.schema import HEAD, metadata

    folder = Path(trading.store.order_log.__file__).parent
    above, beside = _said(folder)
    told = [_ORDER_LOG.format(head=HEAD)]
    for name in sorted(metadata.tables):
        held = metadata.tables[name]
        rows = []
        for column in held.columns:
            key = (
                "key" if column.primary_key else ", ".join(f"→ {each.column}" for each in column.foreign_keys)
            )
            text = beside.get((name, column.name), "")
            rows.append(
                (f"`{column.name}`", _sql_type(column.type), "yes" if column.nullable else "", key, text)
            )
        told += [
            f"## {name}",
            above.get(name, ""),
            table(("column", "type", "may be null", "key", "meaning"), rows),
        ]
    return "\n\n".join(filter(None, told))


def lake() -> str:
    """Return the page of the lake's frames, without its title: every declared schema with its comment."""
    from trading.market import frames

    above = comments_above(Path(frames.__file__))
    told = [_LAKE]
    for name, schema in vars(frames).items():
        if name.isupper() and isinstance(schema, dict):
            rows = [
                (f"`{column}`", f"`{dtype}`".replace("<class '", "").replace("'>", ""))
                for column, dtype in schema.items()
            ]
            told += [f"## {name.lower()}", above.get(name, ""), table(("column", "type"), rows)]
    return "\n\n".join(filter(None, told))


def _said(folder: Path) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return what comments say: of tables by name, of columns by (table, column)."""
    above: dict[str, str] = {}
    beside: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("schema*.py")):
        starts = {
            number: match.group(1)
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if (match := re.match(r"(\w+) = sa\.Table\(", line))
        }
        said = comments_above(path)
        above |= {name: said[name] for name in starts.values() if said.get(name)}
        for (line, column), text in comments_beside(path, r'sa\.Column\("(\w+)"').items():
            beside[starts[max(at for at in starts if at <= line)], column] = text
    return above, beside


def _sql_type(kind: object) -> str:
    text = type(kind).__name__
    return "Decimal as text" if text == "Exact" else text
