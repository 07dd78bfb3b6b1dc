"""Recorded samples of MEXC's wire protocol: three JSON files in one folder, not part of this project.

``markets_spot.json`` (exchangeInfo rows and what ccxt makes of them), ``request_spot.json`` (unified call ->
verb, path, query), ``response_spot.json`` (raw answer -> parsed). Facts of ccxt's own static fixtures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading.market.errors import BadInput, MissingData

LISTING, REQUESTS, RESPONSES = "markets_spot.json", "request_spot.json", "response_spot.json"


@dataclass(frozen=True, slots=True)
class RequestCase:
    """A unified call and the HTTP request ccxt made of it; `inputs` are positional arguments."""

    method: str
    verb: str
    path_query: str
    inputs: Sequence[Any]
    is_signed: bool

    @property
    def python_name(self) -> str:
        """The method's name in ccxt for Python: ``fetchOHLCV`` -> ``fetch_ohlcv``."""
        return snake(self.method)


@dataclass(frozen=True, slots=True)
class ResponseCase:
    """A raw answer and ccxt's recorded reading of it."""

    method: str
    inputs: Sequence[Any]
    http: Any
    parsed: Any

    @property
    def python_name(self) -> str:
        """The method's name in ccxt for Python."""
        return snake(self.method)


@dataclass(frozen=True, slots=True)
class Samples:
    """Everything recorded in one folder."""

    rows: Sequence[Mapping[str, Any]]
    listing: Mapping[str, Mapping[str, Any]]
    requests: Sequence[RequestCase]
    responses: Sequence[ResponseCase]


def load_samples(folder: Path) -> Samples:
    """Return the samples in `folder`.

    Raises
    ------
    MissingData
        If the folder or one of its files is not there.
    BadInput
        If a file is not in the expected shape; the message names it.
    """
    missing = [name for name in (LISTING, REQUESTS, RESPONSES) if not (folder / name).is_file()]
    if missing:
        raise MissingData(
            f"no recorded samples in {folder}: {', '.join(missing)} missing; name their folder with --samples"
        )
    listing, asked, answered = (_read(folder / name) for name in (LISTING, REQUESTS, RESPONSES))
    try:
        return Samples(
            rows=listing["exchangeInfo_symbols"],
            listing=listing["ccxt_parsed_expected"],
            requests=[
                RequestCase(c["method"], c["verb"], c["path_query"], c["input"], bool(c.get("signed")))
                for c in asked["cases"]
            ],
            responses=[
                ResponseCase(method, case["input"], case["http"], case["parsed"])
                for method, cases in answered["methods"].items()
                for case in cases
            ],
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise BadInput(
            f"samples in {folder} are not in the expected shape: {type(wrong).__name__} {wrong}"
        ) from wrong


def standing_prices(samples: Samples) -> dict[str, Decimal]:
    """Return wire name -> price at which the recorded orders make sense.

    Last prices out of recorded tickers, trades and candles; else the dearest recorded order's price.
    """
    prices: dict[str, Decimal] = {}
    for case in samples.requests:
        if case.method == "createOrder" and len(case.inputs) > 4 and case.inputs[1] == "limit":
            wire = str(case.inputs[0]).replace("/", "")
            prices[wire] = max(prices.get(wire, Decimal(0)), Decimal(str(case.inputs[4])))
    for answer in samples.responses:
        if answer.method == "fetchTicker":
            prices[answer.http["symbol"]] = Decimal(str(answer.http["lastPrice"]))
    return prices


def snake(name: str) -> str:
    """Return ccxt's Python spelling of a camel-case method name."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).replace("o_h_l_c_v", "ohlcv")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as wrong:
        raise BadInput(f"{path.name} is no JSON: {wrong}") from wrong
