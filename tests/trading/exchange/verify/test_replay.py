"""Samples against an exchange: equal where it is true to them, and every planted difference is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trading.exchange.verify.handmade import (
    CANDLE,
    LISTED,
    REQUESTS,
    RESPONSES,
    ROW,
    SEED,
    exchange_of,
    write_samples,
)
from trading.exchange.verify.findings import Finding, differences
from trading.exchange.verify.parsing import read_all
from trading.exchange.verify.replay import replay_calls, replay_listing
from trading.exchange.verify.samples import Samples, load_samples, snake
from trading.exchange.verify.shapes import shape_differences
from trading.market.errors import BadInput, MissingData
from trading.simulator.accounts import demo_credentials
from trading.simulator.inside import in_thread

RECORDED = Path(__file__).parents[5] / "shared" / "data" / "mexc"


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return load_samples(write_samples(tmp_path / "samples"))


@pytest.fixture
def url(samples: Samples) -> Iterator[str]:
    with in_thread(exchange_of(samples)) as base:
        yield base


async def calls(url: str, samples: Samples) -> list[Finding]:
    key, secret = demo_credentials(SEED, 1)
    return await replay_calls(url, samples, api_key=key, secret=secret)


async def test_true_samples_show_no_difference(url: str, samples: Samples) -> None:
    """Listing, both requests, the answer, and three readings."""
    found = await replay_listing(url, samples) + await calls(url, samples) + await read_all(samples)
    assert differences(found) == []
    assert [f.area for f in found].count("request") == 2
    assert {f.area for f in found} == {"listing", "request", "answer", "parse"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"baseAssetPrecision": "5"}, ".baseAssetPrecision: recorded 5, ours 2"),
        ({"maxQuoteAmountMarket": "7"}, ".maxQuoteAmountMarket: recorded 7, ours 100000"),
        ({"newField": 1}, ".newField is missing"),
        ({"symbol": "BBBUSDT"}, "not listed"),
        ({"isSpotTradingAllowed": "yes"}, "recorded text, ours boolean"),
    ],
)
async def test_listing_that_differs_is_told(url: str, samples: Samples, change: Any, told: str) -> None:
    """A changed number, a missing key, a missing pair and a changed type each have their sentence."""
    other = Samples([ROW | change], samples.listing, samples.requests, samples.responses)
    (finding,) = await replay_listing(url, other)
    assert not finding.is_equal
    assert told in finding.detail


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (REQUESTS[0] | {"path_query": "/api/v3/times"}, "recorded GET /api/v3/times"),
        (REQUESTS[0] | {"verb": "POST"}, "recorded POST"),
        (REQUESTS[1] | {"path_query": REQUESTS[1]["path_query"] + "&x=1"}, "recorded symbol=AAAUSDT"),
        (
            {"method": "fetchTicker", "verb": "GET", "path_query": "/x", "input": ["ZZZ/USDT"]},
            "sent",
        ),
    ],
)  # fmt: skip
async def test_request_that_differs_is_told(url: str, tmp_path: Path, case: Any, told: str) -> None:
    """Another path, verb or query, or a refusal by the exchange."""
    odd = load_samples(write_samples(tmp_path / "odd", request_spot={"cases": [case]}))
    (finding, *_) = await calls(url, odd)
    assert not finding.is_equal
    assert told in finding.detail


async def test_answer_of_another_shape_is_told(url: str, tmp_path: Path) -> None:
    """A kline of seven fields was recorded; the exchange sends eight."""
    short = RESPONSES["fetchOHLCV"][0] | {"http": [CANDLE[:7]]}
    odd = load_samples(write_samples(tmp_path / "odd", response_spot={"methods": {"fetchOHLCV": [short]}}))
    finding = (await calls(url, odd))[-1]
    assert finding.detail == "[0]: recorded 7 fields, ours 8"


async def test_reading_that_differs_is_told(tmp_path: Path) -> None:
    """The record says that ccxt read a close of 9.9; ccxt here reads 2.2."""
    wrong = RESPONSES["fetchOHLCV"][0] | {"parsed": [[1710327600000, 2.0, 2.5, 1.5, 9.9, 10]]}
    odd = load_samples(write_samples(tmp_path, response_spot={"methods": {"fetchOHLCV": [wrong]}}))
    assert [f.case for f in differences(await read_all(odd))] == ["fetchOHLCV ccxt now and then"]
    listed = {"AAA/USDT": LISTED["AAA/USDT"] | {"taker": 0.5}}
    odd = load_samples(
        write_samples(tmp_path, markets_spot={"exchangeInfo_symbols": [ROW], "ccxt_parsed_expected": listed})
    )
    assert "market AAA/USDT ccxt now and then" in [f.case for f in differences(await read_all(odd))]


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
async def test_recorded_payloads_read_identically_through_ccxt_and_through_us() -> None:
    """Nine markets, six answers: no field differs."""
    found = await read_all(load_samples(RECORDED))
    assert differences(found) == []
    assert len(found) >= 21


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
async def test_every_recorded_sample_is_true_of_the_embedded_exchange() -> None:
    """35 requests sent as recorded and understood, 6 answers of the recorded shape."""
    recorded = load_samples(RECORDED)
    with in_thread(exchange_of(recorded)) as base:
        found = await calls(base, recorded)
    assert differences(found) == []
    assert [f.area for f in found].count("request") == 35


@pytest.mark.parametrize(
    ("recorded", "ours", "told"),
    [
        ({"a": "1"}, {"a": 1.5}, []),
        ({"a": None}, {"a": {"b": 1}}, []),
        ({"a": 1}, {"a": "x"}, [".a: recorded number, ours text"]),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, [".a.b is missing", ".a.c is not in the record"]),
        ([{"a": 1}], [{"a": True}], ["[0].a: recorded number, ours boolean"]),
        ([], [1], []),
        ({"a": 1}, [1], ["value: recorded object, ours list"]),
    ],
)
def test_shapes_by_hand(recorded: Any, ours: Any, told: list[str]) -> None:
    """Numbers may be strings, null says nothing, keys and kinds must agree."""
    assert list(shape_differences(recorded, ours)) == told


def test_samples_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing folder names its files; broken JSON and a missing key name the fault."""
    with pytest.raises(MissingData, match="markets_spot"):
        load_samples(tmp_path / "none")
    folder = write_samples(tmp_path, request_spot={"case": []})
    with pytest.raises(BadInput, match="KeyError 'cases'"):
        load_samples(folder)
    (folder / "request_spot.json").write_text("{")
    with pytest.raises(BadInput, match=r"request_spot\.json is no JSON"):
        load_samples(folder)


def test_camel_case_becomes_ccxts_python_names() -> None:
    """The one exception is OHLCV."""
    assert [snake(n) for n in ("fetchOHLCV", "createOrder")] == ["fetch_ohlcv", "create_order"]
