"""`sluice exchange faults`: what can be made to go wrong, and what a running exchange is doing right now."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from typer import BadParameter, Option

from interfaces.cli.output import AsJson, print_json, print_table
from trading.market.errors import BadInput, InTheWay, Unreachable

_TIMEOUT_S = 10.0
_EXAMPLE = """
A rule in a file (TOML, or JSON with the same names):

    seed = 1
    [[rules]]
    kind = "timeout_after"
    route = "POST order"        # left out: the route in the table
    symbol = "BTCUSDT"          # and key, nth, max_hits, probability,
    nth = [3]                   # market_from/until, wall_from_s/until_s
    [[events]]
    action = "halt"             # resume, delist, relist, print, revoke_key, restore_key
    symbol = "ETHUSDT"
    at = 2026-08-18T12:00:00Z   # or after_s; left out: now

Start with it: sluice exchange serve --faults FILE
"""


def faults(
    at: Annotated[str, Option(help="Address of a running exchange: show its plan and hits.")] = "",
    put: Annotated[Path | None, Option("--set", help="Give the exchange at --at this plan.")] = None,
    clear: Annotated[bool, Option("--clear", help="End all rules of the exchange at --at.")] = False,
    admin_token: Annotated[str, Option(help="Its admin token.", envvar="SLUICE_ADMIN_TOKEN")] = "",
    as_json: AsJson = False,
) -> None:
    """List the faults that the exchange can stage; with --at, what a running one does and how often."""
    if at:
        _live(at.rstrip("/"), put, clear, admin_token, as_json)
        return
    if put is not None or clear:
        raise BadParameter("--set and --clear need --at, the address of a running exchange")
    _kinds(as_json)


def _kinds(as_json: bool) -> None:
    from trading.simulator.fault_kinds import KINDS

    rows: list[dict[str, Any]] = [
        {
            "kind": kind.name,
            "family": kind.family,
            "route": kind.route,
            "settings": ", ".join(f"{one.name}={one.default:g}" for one in kind.settings),
            "the_client_sees": kind.sees,
        }
        for kind in KINDS.values()
    ]
    print_table(rows, title="faults", as_json=as_json)
    if not as_json:
        print(_EXAMPLE)


def _live(at: str, put: Path | None, clear: bool, token: str, as_json: bool) -> None:
    if urlsplit(at).scheme not in ("http", "https"):
        raise BadInput(f"--at must be an address such as http://127.0.0.1:8600, was {at!r}")
    if put is not None:
        from trading.simulator.fault_file import read_fault_file

        _ask(f"{at}/sluice/faults", read_fault_file(put), token)
    elif clear:
        _ask(f"{at}/sluice/faults", {"rules": []}, token)
    plan, events = _ask(f"{at}/sluice/faults"), _ask(f"{at}/sluice/events")
    if as_json:
        print_json(plan | events)
        return
    names = ("kind", "route", "matched", "hits")
    rules = [
        {name: rule[name] for name in names}
        | {"with": ", ".join(f"{n}={v}" for n, v in rule.items() if n not in names and v is not None)}
        for rule in plan["rules"]
    ]
    print_table(rows=rules, title=f"fault plan, seed {plan['seed']}", empty="no rules")
    happened = [{"state": state, **one} for state in ("done", "pending") for one in events[state]]
    shown = [
        {
            "state": one["state"],
            "market_ms": one["at"],
            "action": one["action"],
            "target": one.get("symbol") or one.get("key"),
        }
        for one in happened
    ]
    print_table(shown, title="events", empty="none")


def _ask(url: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
    sent = None if body is None else json.dumps(body, default=str).encode()
    request = urllib.request.Request(url, sent, {"X-Sluice-Admin": token} if token else {})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            found: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        said = refused.read()[:500].decode("utf-8", "replace")
        try:
            said = json.loads(said)["msg"]
        except (json.JSONDecodeError, KeyError, TypeError):
            said = said or refused.reason
        raise InTheWay(f"{url} refused: {said}") from None
    except (OSError, json.JSONDecodeError) as error:
        raise Unreachable(f"no embedded exchange answers at {url} ({error})") from None
    return found
