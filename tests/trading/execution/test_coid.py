"""Client order ids: same intent, same id; any difference, another id."""

import re
from base64 import b32encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.coid import client_order_id
from trading.market.errors import BadInput
from trading.store.order_log.records import Leg

PART = st.text(st.characters(codec="ascii", exclude_characters="|"), min_size=1, max_size=20)
KEY = st.tuples(PART, PART, PART, st.sampled_from(Leg), st.integers(1, 99))


def test_id_is_the_documented_formula():
    """base32(blake2b-128(user|set|symbol|leg|attempt)), lower case, no padding: 26 characters."""
    raw = blake2b(b"u1|set-1|AAA/USDT|open|1", digest_size=16).digest()
    expected = b32encode(raw).decode().rstrip("=").lower()
    assert client_order_id("u1", "set-1", "AAA/USDT", Leg.OPEN, 1) == expected
    assert re.fullmatch(r"[a-z2-7]{26}", expected)


@given(KEY, KEY)
def test_ids_are_equal_exactly_when_intents_are(one, other):
    """No two intents share an id."""
    assert (client_order_id(*one) == client_order_id(*other)) == (one == other)


def test_separator_inside_a_part_is_refused():
    """Otherwise two lists of parts could join to one text."""
    with pytest.raises(BadInput, match="'\\|'"):
        client_order_id("u|1", "set-1", "AAA/USDT", Leg.OPEN, 1)
