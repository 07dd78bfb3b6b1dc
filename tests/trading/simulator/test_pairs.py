"""Who is listed: prefix property, oddities, edges, names."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest

from trading.market.errors import BadInput
from trading.simulator.names import RENAMED
from trading.simulator.pairs import drafts, is_edge_place
from trading.simulator.source import EDGE_LABEL, Pair
from trading.simulator.synthetic import DEFAULT_START_MS

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def listed() -> list[Pair]:
    return [draft.pair for draft in drafts(7, 2610, DEFAULT_START_MS, has_edge=True)]


def test_small_market_is_the_beginning_of_the_large_one(listed: list[Pair]) -> None:
    """Pair i is the same whatever n is."""
    for n in (1, 40, 333):
        assert [draft.pair for draft in drafts(7, n, DEFAULT_START_MS, has_edge=True)] == listed[:n]


def test_another_seed_is_another_market(listed: list[Pair]) -> None:
    """Seeds share the majors and nothing else."""
    other = [draft.pair for draft in drafts(8, 300, DEFAULT_START_MS, has_edge=True)]
    assert len({pair.symbol for pair in other} & {pair.symbol for pair in listed[:300]}) < 40


def test_wire_names_are_unique_and_never_renamed_by_ccxt(listed: list[Pair]) -> None:
    """2,610 different symbols; no base that ccxt's mexc class would rename."""
    assert len({pair.symbol for pair in listed}) == 2610
    assert not {pair.base for pair in listed} & RENAMED
    assert all(pair.symbol == pair.base + pair.quote for pair in listed)


def test_market_has_its_share_of_oddities(listed: list[Pair]) -> None:
    """About 3 % halted or delisted, 10 % closed to the API, 2 % dead, 5 % in other quotes."""
    n = len(listed)
    gone = [pair for pair in listed if pair.status != "1"]
    assert 0.015 < len(gone) / n < 0.045
    assert {pair.status for pair in gone} == {"2", "3"}
    assert all(pair.delisted_ms is not None and pair.delisted_ms < DEFAULT_START_MS for pair in gone)
    assert 0.07 < sum(not pair.is_api_tradable for pair in listed) / n < 0.13
    quotes = Counter(pair.quote for pair in listed)
    assert quotes["USDT"] / n > 0.9
    assert {"USDC", "BTC", "ETH"} <= set(quotes)
    assert sum(pair.min_amount == Decimal(0) for pair in listed) / n > 0.4
    assert any(pair.taker_fee == 0 for pair in listed)


def test_everything_is_listed_at_the_start_and_some_only_just(listed: list[Pair]) -> None:
    """Young pairs have fewer than 1,000 bars of 15 minutes."""
    assert all(pair.listed_ms < DEFAULT_START_MS for pair in listed)
    assert all(pair.listed_ms % DAY_MS == 0 for pair in listed)
    young = [pair for pair in listed if DEFAULT_START_MS - pair.listed_ms < 1000 * 900_000]
    assert 0.01 < len(young) / len(listed) < 0.08


def test_edge_is_planted_in_one_percent_and_declared(listed: list[Pair]) -> None:
    """Edge pairs trade by API against USDT, and their full name says what they are."""
    edges = [pair for pair in listed if pair.has_edge]
    assert 24 <= len(edges) <= 30
    assert all(EDGE_LABEL in pair.full_name for pair in edges)
    assert all(pair.is_api_tradable and pair.quote == "USDT" and pair.status == "1" for pair in edges)
    assert not any(EDGE_LABEL in pair.full_name for pair in listed if not pair.has_edge)
    assert sum(pair.has_edge for pair in listed[:100]) == 3


def test_without_edge_the_same_pairs_are_listed(listed: list[Pair]) -> None:
    """Only the label and the flag go."""
    plain = [draft.pair for draft in drafts(7, 400, DEFAULT_START_MS, has_edge=False)]
    assert [pair.symbol for pair in plain] == [pair.symbol for pair in listed[:400]]
    assert [pair.listed_ms for pair in plain] == [pair.listed_ms for pair in listed[:400]]
    assert not any(pair.has_edge or EDGE_LABEL in pair.full_name for pair in plain)


def test_each_hundred_places_beyond_the_first_hold_one_edge() -> None:
    """One in a hundred, at a place that depends on the seed."""
    for start, stop in pairwise(range(100, 2600, 100)):
        assert sum(is_edge_place(3, place) for place in range(start, stop)) == 1


@pytest.mark.parametrize("symbols", [0, -1, 20_001])
def test_impossible_size_is_refused(symbols: int) -> None:
    """The message names the value and the bound."""
    with pytest.raises(BadInput, match=f"between 1 and 20000, was {symbols}"):
        drafts(7, symbols, DEFAULT_START_MS, has_edge=True)
