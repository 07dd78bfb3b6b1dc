"""Recorded requests, asked again through plain ccxt: same verb, path and query, and an answer that fits."""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

from trading.exchange.errors import redact
from trading.exchange.only_mexc import BaseError
from trading.exchange.verify.client import SKIPPED, Listener
from trading.exchange.verify.findings import Finding
from trading.exchange.verify.samples import RequestCase

# An order id out of a record was never placed here: "no such order" is the right answer.
# Recorded requests show a form, not an order anybody sent: some are worth less than their pair's minimum.
_BELOW_MINIMUM = '"code":30002'
_NEVER_PLACED = ('"code":-2013', '"code":-2011')


async def ask_all(client: Listener, cases: Sequence[RequestCase]) -> list[Finding]:
    """Return one finding per recorded request; an exchange that answers 404 or refuses is a difference."""
    return [await _ask(client, case) for case in cases]


async def _ask(client: Listener, case: RequestCase) -> Finding:
    refusal = None
    try:
        await getattr(client, case.python_name)(*case.inputs)
    except BaseError as refused:
        refusal = str(refused)
    name = f"{case.method} {case.verb} {case.path_query[:70]}"
    wrong = _not_as_recorded(client.sent, case)
    if wrong:
        return Finding("request", name, False, wrong)
    if refusal is None:
        return Finding("request", name, True, "sent as recorded, answered")
    if any(code in refusal for code in _NEVER_PLACED):
        return Finding("request", name, True, "sent as recorded, answered: no such order here")
    if _BELOW_MINIMUM in refusal:
        return Finding(
            "request", name, True, "sent as recorded, understood, refused: below the pair's minimum"
        )
    return Finding("request", name, False, f"refused: {redact(refusal)}")


def _not_as_recorded(sent: tuple[str, str], case: RequestCase) -> str:
    """Return what differs between the request sent and the recorded one; empty when nothing does."""
    verb, url = sent
    ours, theirs = urlsplit(url), urlsplit(case.path_query)
    if (verb, ours.path) != (case.verb, theirs.path):
        return f"sent {verb} {ours.path}, recorded {case.verb} {theirs.path}"
    query = [(name, value) for name, value in parse_qsl(ours.query) if name not in SKIPPED]
    if _normal(query) != _normal(parse_qsl(theirs.query)):
        return f"sent {_text(query)}, recorded {theirs.query}"
    return ""


def _normal(query: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value if name == "batchOrders" else _plain(value)) for name, value in query]


def _plain(text: str) -> str:
    try:
        return f"{Decimal(text).normalize():f}"
    except ArithmeticError:
        return text


def _text(query: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in query)
