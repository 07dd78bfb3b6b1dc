"""`sluice pages`: users' own pages, on a port apart from the dashboard's."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from resources.settings import Settings

app = typer.Typer(help="Users' own pages: key, risk text, equity, trades, settings. Behind a proxy.")
PORT = 8060


@app.command()
def pages(
    port: Annotated[int, Option(min=0, max=65_535, help="Port; 0 takes any free one.")] = PORT,
    host: Annotated[
        str, Option(help="Address to listen on. Beyond this machine only for a proxy of yours.")
    ] = "127.0.0.1",
    link: Annotated[
        str, Option(help="Print a one-time link for this user, good for 15 minutes, and end.", metavar="USER")
    ] = "",
) -> None:
    """Serve users' own pages of the current world until Ctrl-C.

    They hold no route of the dashboard. SLUICE_PUBLIC_ORIGIN is where a reverse proxy shows them to the
    world: cookies need https then, and the bot's /link answers with it. One-time links alone open them.

    Example: SLUICE_PUBLIC_ORIGIN=https://my.example.net sluice pages
    """
    from resources.settings import load_settings

    settings = load_settings()
    if link:
        _print_link(settings, link, port)
        return
    _serve(settings, host, port)


def _print_link(settings: "Settings", user_id: str, port: int) -> None:
    from interfaces.cli.users_world import open_log
    from interfaces.pages.links import address_of
    from trading.users.directory import Directory

    with open_log(settings) as log:
        Directory(log).get(user_id)
        print(address_of(settings.public_origin or f"http://127.0.0.1:{port}", log.page_links.make(user_id)))


def _serve(settings: "Settings", host: str, port: int) -> None:
    import socket

    import uvicorn

    from interfaces.pages.app import create_app
    from interfaces.pages.desk import Desk
    from trading.market.errors import BadInput
    from trading.store.order_log import OrderLog

    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise BadInput(f"{host} port {port} cannot be listened on: {error.strerror}; give --port") from None
    desk = Desk(settings, OrderLog(settings.database_url), origin=settings.public_origin)
    print(f"World  {settings.world}")
    print(f"Pages  http://{host}:{listening.getsockname()[1]}/ {f'as {desk.origin}' if desk.origin else ''}")
    if not desk.origin:
        print("       (this machine only: SLUICE_PUBLIC_ORIGIN is where a proxy shows them)")
    print("Ctrl-C ends it.", flush=True)
    config = uvicorn.Config(
        create_app(desk),
        log_level="warning",
        access_log=False,  # addresses hold one-time codes
        server_header=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=500,
        h11_max_incomplete_event_size=32_768,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listening])
