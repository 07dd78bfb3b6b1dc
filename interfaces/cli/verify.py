"""`sluice exchange verify`: is the embedded exchange true to MEXC, and what does MEXC itself do."""

import asyncio
import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.exchange.verify.findings import Finding
    from trading.exchange.verify.samples import Samples
    from trading.simulator.exchange import Exchange

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mexc"
AGREED = "spend one minimum order"
_SEED, _ACCOUNT = 7, 1
_FUNDS = 1_000_000


def verify(
    samples: Annotated[Path, Option(help="Folder of recorded MEXC samples.")] = SAMPLES,
    live: Annotated[bool, Option("--live", help="Ask MEXC itself; spends one minimum order.")] = False,
    symbol: Annotated[str, Option(help="Pair of the live order, as MEXC writes it.")] = "MXUSDT",
    at: Annotated[
        str, Option(help="Address to ask instead of MEXC, to rehearse --live.", metavar="URL")
    ] = "",
    pace: Annotated[bool, Option("--pace/--no-pace", help="With --live: find the rate limit.")] = True,
    as_json: AsJson = False,
) -> None:
    """Replay every recorded sample against the embedded exchange, or ask MEXC itself.

    Without --live: each recorded listing, request and answer is held against the embedded exchange and
    against our readers; exit code 1 when anything differs. With --live: asks MEXC, with your key, what no
    record tells (duplicate client order ids, fee asset, cancel races, error bodies, real limits), and
    writes a dated record. Live trading stays off until that record exists.
    """
    if live:
        _live(symbol, at, pace=pace, as_json=as_json)
        return
    from trading.exchange.verify.findings import differences
    from trading.exchange.verify.samples import load_samples

    found = replayed(load_samples(samples))
    wrong = differences(found)
    if as_json:
        print_json({"compared": len(found), "different": len(wrong), "findings": [_row(f) for f in found]})
    else:
        print_table(_areas(found), title="Recorded MEXC samples against the embedded exchange")
        print_table([_row(f) for f in wrong], ["area", "case", "detail"], title="Differences", empty="none")
    raise typer.Exit(1 if wrong else 0)


def replayed(samples: "Samples") -> "list[Finding]":
    """Return what every comparison found; starts two small exchanges inside this process and ends them."""
    from trading.exchange.verify.parsing import read_all
    from trading.exchange.verify.replay import replay_calls, replay_listing
    from trading.simulator.accounts import demo_credentials
    from trading.simulator.inside import in_thread

    key, secret = demo_credentials(_SEED, _ACCOUNT)
    with in_thread(_exchange(samples, open_to_api=False)) as url:
        found = asyncio.run(replay_listing(url, samples))
    # Most recorded pairs are closed to the API; their orders can only be replayed where they are open.
    with in_thread(_exchange(samples, open_to_api=True)) as url:
        found += asyncio.run(replay_calls(url, samples, api_key=key, secret=secret))
    return found + asyncio.run(read_all(samples))


def _exchange(samples: "Samples", *, open_to_api: bool) -> "Exchange":
    from decimal import Decimal

    from trading.exchange.verify.samples import standing_prices
    from trading.market.timeframes import to_ms
    from trading.simulator.accounts import AccountBook
    from trading.simulator.clock import MarketClock
    from trading.simulator.exchange import make_exchange
    from trading.simulator.limits import LimitSettings
    from trading.simulator.sampled import SampledMarket

    now_ms = to_ms(datetime.now(UTC))
    market = SampledMarket(samples.rows, standing_prices(samples), start_ms=now_ms, open_to_api=open_to_api)
    coins = {coin for pair in market.pairs.values() for coin in (pair.base, pair.quote)}
    funds = dict.fromkeys(sorted(coins), Decimal(_FUNDS))
    return make_exchange(
        market,
        MarketClock(now_ms, 1.0),
        seed=_SEED,
        accounts=AccountBook(_SEED, funds=funds),
        limits=LimitSettings(rate_per_s=0),
    )


def _areas(found: "Sequence[Finding]") -> list[dict[str, Any]]:
    areas = dict.fromkeys(finding.area for finding in found)
    return [
        {
            "area": area,
            "compared": sum(f.area == area for f in found),
            "equal": sum(f.area == area and f.is_equal for f in found),
        }
        for area in areas
    ]


def _row(finding: "Finding") -> dict[str, Any]:
    return {
        "area": finding.area,
        "case": finding.case,
        "is_equal": finding.is_equal,
        "detail": finding.detail,
    }


def _live(symbol: str, at: str, *, pace: bool, as_json: bool) -> None:
    from resources.settings import load_settings
    from trading.exchange.public_api import MEXC_URL
    from trading.exchange.verify.record import MEXC, Record, RecordBook, moment, rows

    base_url = at or MEXC_URL
    print(
        f"This asks {base_url} about twenty questions with your key and buys {symbol} for its minimum cost.\n"
        "Use a key that may trade spot and may not withdraw.",
        file=sys.stderr,
    )
    if _typed(f"Type '{AGREED}' to go on: ") != AGREED:
        raise typer.BadParameter(f"nothing was sent: {AGREED!r} was not typed", param_hint="--live")
    key, secret = _hidden("API key: "), _hidden("Secret: ")
    if not key or not secret:
        raise typer.BadParameter("nothing was sent: key or secret was empty", param_hint="--live")
    # An address of one's own is a rehearsal: its record never opens live trading.
    record = Record(MEXC if not at else "rehearsal", symbol, moment(datetime.now(UTC)))
    book = RecordBook(load_settings().home)
    asyncio.run(_probe(base_url, key, secret, record, book, pace=pace))
    path = book.save(record)
    print_table(
        rows(record), ["question", "status", "code", "conclusion"], title="What it answered", as_json=as_json
    )
    print(f"Record: {path}", file=sys.stderr)


async def _probe(base_url: str, key: str, secret: str, record: Any, book: Any, *, pace: bool) -> None:
    from trading.exchange.verify.pace import measure_pace
    from trading.exchange.verify.probe import Probe
    from trading.exchange.verify.prober import Prober

    prober = Prober(base_url, api_key=key, secret=secret)
    try:
        probe = Probe(prober, record, book, say=lambda question: print(question, file=sys.stderr))
        for earlier in book.unfinished():
            if earlier.venue == record.venue:
                await probe.settle(earlier)
        await probe.run()
    finally:
        await prober.close()
    if pace:
        print("How fast may we ask? (a ramp that ends at the first refusal)", file=sys.stderr)
        record.answers += await measure_pace(base_url)


def _typed(prompt: str) -> str:
    if sys.stdin.isatty():
        return input(prompt).strip()
    return sys.stdin.readline().strip()


def _hidden(prompt: str) -> str:
    # Away from a terminal the lines of stdin are read as they are: secrets never stand on a command line.
    return (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()).strip()
