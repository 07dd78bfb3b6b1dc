"""`sluice xray`: one symbol from every side at one moment. Reads tables; computes and draws nothing."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="One symbol from every side: trend, indicators, peers, liquidity, news, verdicts.")


@app.command()
def xray(
    symbol: Annotated[str, Argument(help="The pair, e.g. BTC/USDT; btc and BTCUSDT are understood.")],
    at: Annotated[
        str, Option(help="As known at that moment, UTC, e.g. 2025-03-01T12:00Z.", metavar="TIME")
    ] = "",
    html: Annotated[Path | None, Option(help="Write one self-contained page there.", metavar="FILE")] = None,
    stake: Annotated[
        float | None, Option(help="Quote units to trade at once; default: all users together.", min=0)
    ] = None,
    book: Annotated[
        bool, Option("--book", help="Ask the exchange for its order book now, to cost the stake by depth.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print all that is known of one symbol: with --at, all that was known of it then and nothing later.

    Examples: `sluice xray BTC/USDT`, `sluice xray eth --html eth.html`,
    `sluice xray BTC/USDT --at 2025-03-01T12:00Z --json`.
    """
    from interfaces.cli.moments import moment
    from resources.settings import load_settings
    from resources.symbol_frames import given_at
    from trading.xray.symbol.view import xray as seen

    view = seen(given_at(load_settings(), symbol, moment(at) if at else None, stake=stake, has_book=book))
    if as_json:
        print_json(view.document())
    elif html is None:
        from interfaces.xray.terminal import show

        show(view)
    if html is not None:
        from interfaces.xray.page import write_page

        written = write_page(view, html)
        if not as_json:
            print(f"{view.symbol} as known at {view.at:%Y-%m-%d %H:%M} UTC: {written}")
