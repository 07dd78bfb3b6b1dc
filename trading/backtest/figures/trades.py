"""One shape for trades, whoever made them: what `sluice backtest --out` writes, or the engine's own table."""

import polars as pl

from trading.market.errors import BadInput

_UTC_MS = pl.Datetime("ms", "UTC")

# One row per closed trade, in the order in which they closed. Money in quote currency.
CLOSED: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": _UTC_MS,
    "close_time": _UTC_MS,
    "open_rate": pl.Float64,
    "close_rate": pl.Float64,
    "amount": pl.Float64,  # of the base currency
    "stake": pl.Float64,  # paid at entry, fee included
    "profit_ratio": pl.Float64,  # net of fees, of the stake
    "profit": pl.Float64,  # stake × profit_ratio
    "duration_s": pl.Float64,
    "exit_reason": pl.String,
    "tag": pl.String,  # null where the entry has none
}
_NAMES = {
    "open_time": ("open_time", "open_ts", "open_date"),
    "close_time": ("close_time", "close_ts", "close_date"),
    "open_rate": ("open_rate", "open_mark", "open_price"),
    "close_rate": ("close_rate", "close_mark", "close_price"),
    "tag": ("tag", "enter_tag", "entry_tag"),
}


def closed_trades(trades: pl.DataFrame, *, fee: float = 0.0) -> pl.DataFrame:
    """Return the closed trades of any backtest in the shape of `CLOSED`.

    Parameters
    ----------
    trades : DataFrame
        `symbol`, open and close time (`open_time` or `open_ts`; UTC, or whole ms since 1970), open and
        close rate (`open_rate`, else `open_mark` or `open_price`), `profit_ratio`, `exit_reason`. Used
        where present: `amount`, `stake`, `tag` (or `enter_tag`), `is_open`. Without `amount` each trade is
        of stake 1.
    fee : float
        Taker fee as a fraction, paid at entry: with it stake = amount × open_rate × (1 + fee). Ignored
        where the table has a `stake`.

    Returns
    -------
    DataFrame
        Columns of `CLOSED`, sorted by close time, then open time, then symbol; no nulls but in `tag`.

    Raises
    ------
    BadInput
        On a missing column, a null or non-finite number, a rate that is not positive, a trade that
        closes before it opens, or a fee outside [0, 1).
    """
    if not 0 <= fee < 1:
        raise BadInput(f"fee must lie in [0, 1), was {fee}")
    frame = trades.filter(~pl.col("is_open")) if "is_open" in trades.columns else trades
    found = {name: _column(frame, _NAMES.get(name, (name,))) for name in CLOSED if name not in _DERIVED}
    missing = [name for name, column in found.items() if column is None and name != "tag"]
    if missing:
        raise BadInput(f"trades must have the columns {', '.join(missing)}, had {', '.join(trades.columns)}")
    named = frame.with_columns(
        (pl.lit(None, pl.String) if column is None else _typed(frame, column, CLOSED[name])).alias(name)
        for name, column in found.items()
    )
    amount = pl.col("amount") if "amount" in frame.columns else 1 / pl.col("open_rate") / (1 + fee)
    stake = (
        pl.col("stake") if "stake" in frame.columns else pl.col("amount") * pl.col("open_rate") * (1 + fee)
    )
    full = (
        named.with_columns(amount.cast(pl.Float64).alias("amount"))
        .with_columns(stake.cast(pl.Float64).alias("stake"))
        .with_columns(
            (pl.col("stake") * pl.col("profit_ratio")).alias("profit"),
            ((pl.col("close_time") - pl.col("open_time")).dt.total_milliseconds() / 1000).alias("duration_s"),
        )
    )
    _check(full)
    return full.select(pl.col(name).cast(dtype) for name, dtype in CLOSED.items()).sort(
        "close_time", "open_time", "symbol"
    )


_DERIVED = ("amount", "stake", "profit", "duration_s")


def _column(frame: pl.DataFrame, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in frame.columns), None)


def _typed(frame: pl.DataFrame, name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Read times as they come: aware, naive (taken as UTC), or whole milliseconds."""
    column, found = pl.col(name), frame.schema[name]
    if dtype != _UTC_MS:
        return column.cast(dtype)
    if found.is_integer():
        return pl.from_epoch(column, "ms").dt.replace_time_zone("UTC").cast(_UTC_MS)
    if not isinstance(found, pl.Datetime):
        raise BadInput(f"{name} must be a time or whole milliseconds, was {found}")
    if found.time_zone is None:
        return column.dt.replace_time_zone("UTC").cast(_UTC_MS)
    return column.dt.convert_time_zone("UTC").cast(_UTC_MS)


def _check(frame: pl.DataFrame) -> None:
    numbers = [pl.col(name) for name in ("open_rate", "close_rate", "amount", "stake", "profit_ratio")]
    is_bad = pl.any_horizontal(
        *(number.is_null() | ~number.is_finite() for number in numbers),
        *(number <= 0 for number in numbers[:4]),
        pl.col("symbol").is_null(),
        pl.col("exit_reason").is_null(),
        pl.col("duration_s").is_null() | (pl.col("duration_s") < 0),
    ).fill_null(True)
    bad = frame.filter(is_bad).head(1)
    if not bad.is_empty():
        row = bad.select(name for name in CLOSED if name in bad.columns).row(0, named=True)
        raise BadInput(
            f"a trade must have rates, amount and stake above 0 and close no earlier than it opens, was {row}"
        )
