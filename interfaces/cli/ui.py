"""`sluice ui`: the operator's dashboard on this machine; and the accounts that may log in to it."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Option

if TYPE_CHECKING:
    from interfaces.ui.access.accounts import Accounts
    from resources.settings import Settings

app = typer.Typer(help="The dashboard: is it trading, and if not, why; stop, freeze, flatten.")
HOST, PORT = "127.0.0.1", 8050


@app.command()
def ui(
    port: Annotated[int, Option(min=0, max=65_535, help="Port; 0 takes any free one.")] = PORT,
    host: Annotated[str, Option(help="Address to listen on. Beyond this machine only behind https.")] = HOST,
    name: Annotated[
        list[str] | None,
        Option(help="Host name that it answers to, besides this machine's own; several times."),
    ] = None,
    https: Annotated[bool, Option("--https", help="A proxy in front speaks https: cookies need it.")] = False,
    account: Annotated[str, Option(help="Add this account, or change it, and end.", metavar="NAME")] = "",
    role: Annotated[
        Literal["viewer", "operator"], Option(help="Of --account: a viewer looks, an operator stops, too.")
    ] = "viewer",
) -> None:
    """Serve the dashboard of the current world until Ctrl-C.

    The first start makes the account `operator` and prints its password, once. With --account a password is
    asked for (or read from standard input) and nothing is served. It reads the lake and the order log; it
    never opens the warehouse, so it disturbs no run. Nothing is ever asked from another address.
    """
    from interfaces.ui.access.accounts import FILE, Accounts, Role
    from resources.settings import load_settings

    settings = load_settings()
    accounts = Accounts(settings.home / FILE)
    if account:
        accounts.put(account, _password(), Role(role))
        print(f"{account} may log in as {role}")
        return
    _serve(settings, accounts, host=host, port=port, names=name or [], is_secure=https)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    import getpass

    from trading.market.errors import BadInput

    first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    if first != second:
        raise BadInput("the two passwords differ; nothing was changed")
    return first


def _serve(
    settings: "Settings", accounts: "Accounts", *, host: str, port: int, names: list[str], is_secure: bool
) -> None:
    import socket

    import uvicorn

    from interfaces.ui import vendored
    from interfaces.ui.access.guard import LOCAL
    from interfaces.ui.app import create_app
    from interfaces.ui.desk import Desk
    from interfaces.ui.world import World
    from trading.market.errors import InTheWay

    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise InTheWay(f"{host} port {port} cannot be listened on: {error.strerror}; give --port") from None
    desk = Desk(World(settings), accounts, is_secure=is_secure)
    password = accounts.ensure_one()
    for said in vendored.wrong():
        print(f"! no charts: {said}", file=sys.stderr)
    print(f"World      {settings.world}")
    print(f"Dashboard  http://{host}:{listening.getsockname()[1]}/")
    if password is not None:
        print(
            f"Log in as  operator, password {password} (shown once; sluice ui --account operator changes it)"
        )
    print("Ctrl-C ends it.", flush=True)
    config = uvicorn.Config(
        create_app(desk, [*LOCAL, *names]),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=2_000,
        h11_max_incomplete_event_size=32_768,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listening])
