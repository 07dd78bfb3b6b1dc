"""Envelopes: what was sealed opens for the same user, exchange, version and master key, and for no other."""

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.errors import BadCredentials, BadInput, MissingData
from trading.users.keys import Credentials
from trading.users.vault import (
    Bound,
    Envelope,
    MasterKey,
    Vault,
    fingerprint,
    master_from_file,
    master_from_text,
    new_master_key,
    write_master_key,
)

A, B = MasterKey(bytes(range(32)), "a"), MasterKey(bytes(32), "b")
text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
bounds = st.builds(Bound, text, st.sampled_from(["mexc", "other"]), st.integers(1, 2**31))


@given(text, text, bounds)
@settings(max_examples=60, deadline=None)
def test_what_was_sealed_opens_again(key, secret, bound):
    """Any printable key and secret come back to the letter."""
    vault = Vault([A])
    assert vault.open(vault.seal(Credentials(key, secret), bound), bound).pair == (key, secret)


@given(bounds, bounds)
@settings(max_examples=100, deadline=None)
def test_moved_to_another_user_exchange_or_version_is_refused(bound, other):
    """The associated data name all three: a row that changed any of them does not open."""
    vault = Vault([A])
    envelope = vault.seal(Credentials("key", "secret"), bound)
    if bound == other:
        assert vault.open(envelope, other).pair == ("key", "secret")
        return
    with pytest.raises(BadCredentials, match="does not open"):
        vault.open(envelope, other)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_one_changed_bit_is_refused(data):
    """Wrapped key and seal are authenticated to the last bit."""
    vault, bound = Vault([A]), Bound("u1", "mexc", 1)
    envelope = vault.seal(Credentials("key", "secret"), bound)
    part = data.draw(st.sampled_from(["wrapped_key", "sealed"]))
    blob = bytearray(getattr(envelope, part))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    parts = {"wrapped_key": envelope.wrapped_key, "sealed": envelope.sealed, part: bytes(blob)}
    with pytest.raises(BadCredentials):
        vault.open(Envelope(envelope.master_id, **parts), bound)


def test_seals_of_two_users_cannot_be_swapped_as_a_whole():
    """Swapping whole rows between two users opens neither."""
    vault = Vault([A])
    one, two = Bound("u1", "mexc", 1), Bound("u2", "mexc", 1)
    sealed_one, sealed_two = (vault.seal(Credentials(f"key{n}", "s"), b) for n, b in ((1, one), (2, two)))
    for envelope, bound in ((sealed_two, one), (sealed_one, two)):
        with pytest.raises(BadCredentials):
            vault.open(envelope, bound)


def test_the_same_key_is_never_sealed_alike():
    """A data key of its own and a fresh nonce each time."""
    vault, bound = Vault([A]), Bound("u1", "mexc", 1)
    first, second = (vault.seal(Credentials("key", "secret"), bound) for _ in range(2))
    assert first.sealed != second.sealed
    assert first.wrapped_key != second.wrapped_key


def test_wrong_master_key_is_one_clear_sentence():
    """It names both keys by their ids and says what to do; nothing else is in it."""
    bound = Bound("u1", "mexc", 1)
    envelope = Vault([A]).seal(Credentials("key", "secret"), bound)
    with pytest.raises(BadCredentials) as caught:
        Vault([B]).open(envelope, bound)
    said = str(caught.value)
    assert A.key_id in said
    assert B.key_id in said
    assert "wrong master key" in said
    assert "\n" not in said


def test_rewrapped_envelope_keeps_its_seal_and_opens_under_the_new_key_only():
    """A rotation touches data keys alone; while both master keys are here, both forms open."""
    bound = Bound("u1", "mexc", 3)
    old = Vault([A]).seal(Credentials("key", "secret"), bound)
    both = Vault([B, A])
    new = both.rewrap(old, bound)
    assert new.sealed == old.sealed
    assert both.open(old, bound).pair == both.open(new, bound).pair == ("key", "secret")
    assert Vault([B]).open(new, bound).pair == ("key", "secret")
    with pytest.raises(BadCredentials):
        Vault([A]).open(new, bound)


def test_nothing_secret_shows_in_repr_or_traceback():
    """repr of everything in the room, and a printed traceback of a failure, hold no key."""
    vault, bound = Vault([A]), Bound("u1", "mexc", 1)
    envelope = vault.seal(Credentials("canary-key", "canary-secret"), bound)
    shown = repr([A, envelope, vault, bound])
    assert "canary" not in shown
    assert repr(A.raw) not in shown
    try:
        vault.open(envelope, Bound("u2", "mexc", 1))
    except BadCredentials as error:
        shown = "".join(traceback.format_exception(error))
        assert "canary" not in shown
        assert "InvalidTag" not in shown


@pytest.mark.parametrize("key", ["", "x" * 257, "mx0\nabc", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_being_repeated(key):
    """Length and kind are told, the text is not."""
    with pytest.raises(BadInput, match="API key must be") as caught:
        Vault([A]).seal(Credentials(key, "secret"), Bound("u1", "mexc", 1))
    assert not key or key not in str(caught.value)


def test_master_key_file_that_others_can_read_is_refused(tmp_path):
    """0600 or stricter; the message says how to mend it."""
    path = tmp_path / "master.key"
    write_master_key(path, new_master_key())
    assert path.stat().st_mode & 0o777 == 0o600
    master_from_file(path)
    path.chmod(0o640)
    with pytest.raises(BadInput, match=r"0600, has 0640"):
        master_from_file(path)


def test_master_key_is_32_bytes_in_base64_or_hex(tmp_path):
    """Anything else is refused and not repeated; a missing file says how to make one."""
    assert master_from_text("00" * 32, "x").raw == bytes(32)
    assert len(master_from_text(new_master_key(), "x").raw) == 32
    for junk in ("", "password123", "zz" * 32, "AAAA"):
        with pytest.raises(BadInput, match="32 bytes") as caught:
            master_from_text(junk, "x")
        assert not junk or junk not in str(caught.value)
    with pytest.raises(MissingData, match="master-key"):
        master_from_file(tmp_path / "none")


def test_master_key_is_never_written_over(tmp_path):
    """Keys are sealed under it: the second writing is refused."""
    path = tmp_path / "master.key"
    write_master_key(path, new_master_key())
    with pytest.raises(BadInput, match="exists"):
        write_master_key(path, new_master_key())


def test_fingerprint_tells_keys_apart():
    """Sixteen hex digits of a one-way hash."""
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert len(fingerprint("a")) == 16
