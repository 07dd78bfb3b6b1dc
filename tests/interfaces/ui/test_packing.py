"""Answers travel packed to who takes it, and a page's data stays within its bound."""

import gzip

import pytest

from interfaces.ui.answers import takes_gzip


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1, GZIP ;q=0.5", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_goes_only_to_who_takes_it(accepted, is_taken):
    """As RFC 9110 says: a weight of 0 is a refusal."""
    assert takes_gzip(accepted) is is_taken


def test_packed_and_plain_are_the_same_answer(seated):
    """One is the other, unpacked; caches are told that it depends on who asks; pages are never packed."""
    client, _ = seated("vic")
    with client.stream("GET", "/api/market", headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    plain = client.get("/api/market", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 2
    assert "content-encoding" not in client.get("/market", headers={"accept-encoding": "gzip"}).headers
