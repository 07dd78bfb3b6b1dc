"""One symbol's closes with its bands, as a PNG for a chat. Draws stored columns, computes none."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading.xray.symbol.view import SymbolXray

BARS = 150


def chart(view: "SymbolXray") -> bytes | None:
    """Return the newest bars as a PNG; None where fewer than two are known."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from trading.notifications.plain import line

    table = view.table.tail(BARS)
    if table.height < 2:
        return None
    figure = Figure(figsize=(7.2, 4.0), dpi=100, layout="constrained")
    axes = figure.subplots()
    times = table["open_time"].to_list()
    axes.fill_between(times, table["low"].to_list(), table["high"].to_list(), alpha=0.25, linewidth=0)
    axes.plot(times, table["close"].to_list(), linewidth=1.4)
    for name in ("bb_upper", "bb_lower"):
        if name in table.columns:
            _band(axes, times, table[name].to_list())
    # A dollar would begin mathematics in matplotlib, and foreign names may hold one.
    axes.set_title(
        line(view.symbol, 40).replace("$", r"\$") + f", {view.timeframe}, to {times[-1]:%Y-%m-%d %H:%M} UTC"
    )
    axes.tick_params(axis="x", rotation=20)
    axes.grid(alpha=0.3)
    target = BytesIO()
    FigureCanvasAgg(figure).print_png(target)  # type: ignore[no-untyped-call]  # matplotlib has it untyped
    return target.getvalue()


def _band(axes: Any, times: list[Any], values: list[Any]) -> None:
    axes.plot(
        times, [float("nan") if value is None else value for value in values], linewidth=0.7, linestyle="--"
    )
