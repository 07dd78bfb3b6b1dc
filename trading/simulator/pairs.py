"""Who is listed on the synthetic market: the facts of each pair, and its temperament.

A pair depends on the seed and its place alone, so a market of 200 pairs is the beginning of the
market of 2,610. Nothing here moves a price.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from trading.market.errors import BadInput
from trading.simulator.hashing import derive
from trading.simulator.names import made_up
from trading.simulator.source import DELISTED, EDGE_LABEL, HALTED, ONLINE, Pair
from trading.simulator.weather import EPOCH_MS, HORIZON_DAYS, SECTORS

DAY_MS = 86_400_000
MAX_SYMBOLS = 20_000
# ticker, name, price in USDT near the anchor day, daily turnover in USDT, beta, own daily volatility
_MAJORS: dict[int, tuple[str, str, float, float, float, float]] = {
    0: ("BTC", "Bitcoin", 88_000.0, 6.0e7, 1.00, 0.006),
    1: ("ETH", "Ethereum", 3_100.0, 4.2e7, 1.15, 0.011),
    2: ("SOL", "Solana", 165.0, 2.6e7, 1.30, 0.016),
    3: ("XRP", "XRP", 2.1, 2.2e7, 1.05, 0.017),
    4: ("USDC", "USD Coin", 1.0, 1.8e7, 0.0, 0.0002),
    5: ("BNB", "BNB", 870.0, 9.0e6, 0.85, 0.011),
    6: ("DOGE", "Dogecoin", 0.145, 1.3e7, 1.25, 0.020),
    7: ("ADA", "Cardano", 0.42, 6.0e6, 1.15, 0.018),
    9: ("TRX", "TRON", 0.28, 5.0e6, 0.60, 0.012),
    10: ("LINK", "Chainlink", 13.4, 4.5e6, 1.20, 0.019),
    11: ("LTC", "Litecoin", 84.0, 3.4e6, 0.95, 0.015),
    13: ("AVAX", "Avalanche", 14.2, 3.6e6, 1.30, 0.021),
    14: ("SHIB", "Shiba Inu", 0.0000086, 4.1e6, 1.25, 0.021),
    15: ("PEPE", "Pepe", 0.0000047, 5.5e6, 1.50, 0.030),
    16: ("SUI", "Sui", 1.65, 6.2e6, 1.45, 0.025),
    18: ("DOT", "Polkadot", 2.3, 2.1e6, 1.15, 0.018),
    20: ("PAXG", "PAX Gold", 4_150.0, 1.1e6, 0.05, 0.008),
    21: ("MX", "MX Token", 2.2, 1.6e6, 0.45, 0.012),
    24: ("FDUSD", "First Digital USD", 0.9985, 9.0e5, 0.0, 0.0003),
}
_FIRST_EDGES = (8, 19, 31)  # so that every market of 32 pairs or more has three
_NOT_BY_API = (3, 14)  # two majors that can be looked at but not traded
_CROSS_HOMES = (0, 1, 2, 3, 5, 6, 7, 9, 10, 11)  # whose USDC pairs may be listed too
_STABLE_VOL = 0.001


@dataclass(frozen=True, slots=True)
class Draft:
    """A pair in the making: its facts, and what the kernels need to know."""

    pair: Pair
    price: float
    turnover: float
    beta: float
    gamma: float
    own_vol: float
    granule: int
    jump_odds: float
    stream: int  # whose price streams it follows: its own place, or that of the pair it mirrors
    price_of_quote: float = 1.0  # in dollars
    is_dead: bool = False
    is_mirror: bool = False
    edge: tuple[float, float, float] = (0.0, 1.0, 0.0)


def is_edge_place(seed: int, place: int) -> bool:
    """Return whether an edge is planted at `place`: three in the first hundred, then one in each."""
    if place < 100:
        return place in _FIRST_EDGES
    return place % 100 == derive(seed, "edge place", place // 100) % 100


def drafts(seed: int, symbols: int, as_of_ms: int, *, has_edge: bool) -> list[Draft]:
    """Return the first `symbols` pairs in listing order.

    Parameters
    ----------
    as_of_ms : int
        Listing and delisting dates are drawn so that at this market time all are listed, some of
        them since a few days only, and the delisted ones are already gone.
    has_edge : bool
        False leaves the same pairs at the same places without the planted pattern.
    """
    if not 1 <= symbols <= MAX_SYMBOLS:
        raise BadInput(f"symbols must be between 1 and {MAX_SYMBOLS}, was {symbols}")
    first, last = EPOCH_MS + 400 * DAY_MS, EPOCH_MS + (HORIZON_DAYS - 400) * DAY_MS
    if not first <= as_of_ms <= last:
        raise BadInput(f"as_of_ms must be between {first} and {last}, was {as_of_ms}")
    names = made_up(seed)
    mirrored: set[int] = set()
    made: list[Draft] = []
    for place in range(symbols):
        rng = np.random.default_rng(derive(seed, "pair", place))
        if place in _MAJORS:
            draft = _major(place)
        elif is_edge_place(seed, place):
            draft = _edge(rng, place, names, planted=has_edge)
        else:
            draft = _ordinary(rng, place, names, made, mirrored)
        is_settled = place in _MAJORS or is_edge_place(seed, place)
        made.append(_dated(draft, rng, as_of_ms, is_settled=is_settled))
    return made


def _major(place: int) -> Draft:
    ticker, name, price, turnover, beta, own_vol = _MAJORS[place]
    is_stable = own_vol < _STABLE_VOL
    gamma = 0.0 if place < 2 or beta < 0.5 else 0.6
    pair = _facts(ticker, "USDT", name, price, price, place % SECTORS if gamma > 0 else -1)
    if is_stable:
        pair = replace(pair, price_decimals=4, taker_fee=Decimal(0))
    pair = replace(pair, is_api_tradable=place not in _NOT_BY_API)
    return Draft(pair, price, turnover, beta, gamma, own_vol, 1, 0.0 if is_stable else 0.1, place)


def _edge(rng: np.random.Generator, place: int, names: Iterator[tuple[str, str]], *, planted: bool) -> Draft:
    ticker, name = next(names)
    price = float(10 ** rng.uniform(-2.0, 1.5))
    turnover = float(10 ** rng.uniform(5.9, 7.0))
    sector = int(rng.integers(SECTORS))
    wave = (float(rng.uniform(0.022, 0.030)), float(rng.uniform(150.0, 210.0)), float(rng.uniform(0, 1e5)))
    label = f"{name} {EDGE_LABEL}" if planted else name
    pair = replace(_facts(ticker, "USDT", label, price, price, sector), has_edge=planted)
    beta, gamma, own_vol = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.3, 0.5)), 0.010
    edge = wave if planted else (0.0, 1.0, 0.0)
    return Draft(pair, price, turnover, beta, gamma, own_vol, 1, 0.0, place, edge=edge)


def _ordinary(
    rng: np.random.Generator,
    place: int,
    names: Iterator[tuple[str, str]],
    made: list[Draft],
    mirrored: set[int],
) -> Draft:
    turnover = float(np.exp(rng.normal(math.log(60_000.0), 1.75)))
    turnover = min(max(turnover, 20.0), 3.0e7)
    draw = rng.random()
    free = [home for home in _CROSS_HOMES if home < place and home not in mirrored]
    if draw < 0.012 and free:
        mirrored.add(free[0])
        return _mirror(made[free[0]], turnover)
    ticker, name = next(names)
    price = float(10 ** np.clip(rng.normal(-1.3, 1.6), -8.0, 4.3))
    quote = _quote(float(rng.random()))
    quote_price = {"USDT": 1.0, "USDC": 1.0, "BTC": _MAJORS[0][2], "ETH": _MAJORS[1][2]}[quote]
    price = max(price, 2e-8 * quote_price)
    if rng.random() < 0.02:
        return _dead(ticker, quote, name, price, quote_price, place)
    sector = int(rng.integers(SECTORS)) if rng.random() < 0.8 else -1
    pair = _odd(rng, _facts(ticker, quote, name, price / quote_price, price, sector))
    beta = float(np.clip(rng.normal(1.15, 0.25), 0.3, 1.9)) - (0.0 if quote_price == 1.0 else 1.0)
    # The thinner a pair, the more it moves by itself and the less with its sector.
    depth = float(np.clip((math.log10(turnover) - 3.0) / 4.0, 0.0, 1.0))
    own_vol = float(np.clip(np.exp(rng.normal(math.log(0.038 - 0.022 * depth), 0.3)), 0.006, 0.12))
    gamma = float(rng.uniform(0.75, 1.15)) * (0.6 + 0.4 * depth) if sector >= 0 else 0.0
    return Draft(
        pair, price / quote_price, turnover / quote_price, beta, gamma, own_vol, _granule(turnover),
        0.12 + 0.3 * (1 - depth), place, price_of_quote=quote_price,
    )  # fmt: skip


def _quote(draw: float) -> str:
    for quote, upto in (("USDC", 0.025), ("BTC", 0.04), ("ETH", 0.05)):
        if draw < upto:
            return quote
    return "USDT"


def _granule(turnover: float) -> int:
    # In minutes: how long a pair of this turnover typically waits for a trade.
    for least, minutes in ((60_000.0, 1), (20_000.0, 5), (6_000.0, 15), (1_500.0, 60), (250.0, 240)):
        if turnover >= least:
            return minutes
    return 1440


def _mirror(home: Draft, turnover: float) -> Draft:
    # The same coin against another dollar: the same path, thinner trading.
    pair = replace(home.pair, symbol=f"{home.pair.base}USDC", quote="USDC", is_api_tradable=True)
    turnover = max(turnover, 5_000.0)
    return replace(home, pair=pair, turnover=turnover, granule=_granule(turnover), is_mirror=True)


def _dead(ticker: str, quote: str, name: str, price: float, quote_price: float, place: int) -> Draft:
    pair = _facts(ticker, quote, name, price / quote_price, price, -1)
    return Draft(pair, price / quote_price, 0.0, 0.0, 0.0, 0.0, 1440, 0.0, place, is_dead=True)


def _facts(base: str, quote: str, name: str, price: float, price_usdt: float, sector: int) -> Pair:
    price_decimals = max(2, 4 - math.floor(math.log10(price)))
    is_dollar = quote in ("USDT", "USDC")
    return Pair(
        symbol=base + quote, base=base, quote=quote, full_name=name,
        price_decimals=price_decimals if price < 1000 else 2,
        amount_decimals=min(6, max(0, round(math.log10(price_usdt)) + 2)),
        min_amount=Decimal(0),
        min_cost=Decimal(1) if is_dollar else Decimal("0.00001") if quote == "BTC" else Decimal("0.0004"),
        max_cost=Decimal(2_000_000) if is_dollar else Decimal(50) if quote == "BTC" else Decimal(1000),
        maker_fee=Decimal(0), taker_fee=Decimal("0.0005"),
        status=ONLINE, is_api_tradable=True, listed_ms=EPOCH_MS, delisted_ms=None,
        sector=sector, has_edge=False,
    )  # fmt: skip


def _odd(rng: np.random.Generator, pair: Pair) -> Pair:
    """Return `pair` with the oddities real listings have: coarse ticks, strange minimums, no API."""
    coarse = 2 if rng.random() < 0.05 else 0
    draw = rng.random()
    step = Decimal(1).scaleb(-pair.amount_decimals)
    min_amount = Decimal(0) if draw < 0.6 else step if draw < 0.9 else step * int(rng.integers(2, 40))
    min_cost = pair.min_cost * 5 if rng.random() < 0.06 else pair.min_cost
    taker = Decimal(0) if rng.random() < 0.04 else pair.taker_fee
    return replace(
        pair, price_decimals=max(0, pair.price_decimals - coarse), min_amount=min_amount, min_cost=min_cost,
        taker_fee=taker, is_api_tradable=bool(rng.random() >= 0.10),
    )  # fmt: skip


def _dated(draft: Draft, rng: np.random.Generator, as_of_ms: int, *, is_settled: bool) -> Draft:
    """Return `draft` with its listing date, and for 3 in 100 the end of trading.

    Settled pairs (majors, edges, and mirrors of majors) have traded since the epoch and go on.
    """
    as_of_day = (as_of_ms - EPOCH_MS) // DAY_MS
    kind, age, end, how = rng.random(4)
    if is_settled or draft.is_mirror or kind < 0.25:
        listed = 0
    elif kind < 0.30:
        # Young: fewer than 1,000 bars of 15 minutes, or not many more.
        listed = int(as_of_day - 1 - age * 14)
    else:
        listed = int(age * (as_of_day - 45))
    ended, status = None, ONLINE
    if listed > 0 and kind >= 0.30 and how < 0.045:
        ended = int(listed + 20 + end * (as_of_day - 22 - listed))
        status = HALTED if how < 0.018 else DELISTED
    pair = replace(
        draft.pair, status=status, listed_ms=EPOCH_MS + listed * DAY_MS,
        delisted_ms=None if ended is None else EPOCH_MS + ended * DAY_MS,
    )  # fmt: skip
    return replace(draft, pair=pair)
