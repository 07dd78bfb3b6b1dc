"""Whatever the outside world writes, a chat shows plain text of bounded length."""

from hypothesis import given
from hypothesis import strategies as st

from trading.notifications.merging import merged, reference
from trading.notifications.plain import MOST, cut, harmless, line, units

HOSTILE = [
    "<b>x</b><script>alert(1)</script>",
    "*bold* _it_ [link](http://evil.example/x) `code`",
    "\u202egnp.exe\u202c \u2066a\u2069 \u200f\u200b",
    "/stop now",
    "@victim https://evil.example t.me/x",
    "A" * 10_000,
    "\x00\x1b[2J\r\nnext",
    "😀" * 5_000,
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=10_000)))
def test_harmless_text_is_bounded_and_has_no_control_or_direction_marks(text):
    """At most 4,096 units; nothing of category C but line breaks, tabs and our own joiner; stable."""
    shown = harmless(text)
    assert units(shown) <= MOST
    assert not set(shown) & set(
        "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b\x00\x1b\r"
    )
    assert harmless(shown) == shown
    assert "\n" not in line(text)


def test_a_client_makes_nothing_of_it_clickable():
    """Command, name and address are broken by an invisible joiner; pair and price are not touched."""
    assert harmless("/stop") == "/\u2060stop"
    assert harmless("@a") == "@\u2060a"
    assert "evil.example" not in harmless("http://evil.example")
    assert harmless("BTC/USDT at 64000.5") == "BTC/USDT at 64000.5"


def test_a_cut_never_splits_a_character():
    """An emoji takes two units: an odd bound leaves it out whole."""
    assert cut("😀😀", 3) == "😀…"


@given(st.lists(st.text(max_size=3_000), min_size=1, max_size=60))
def test_a_merged_message_fits_and_says_how_many_are_left_out(texts):
    """4,096 units at most, the reference always in it."""
    names = [f"e{index}" for index in range(len(texts))]
    told = merged(texts, names)
    assert units(told) <= MOST
    assert told.endswith(f"ref {reference(names)}")
    if len(texts) > 1 and sum(len(text) for text in texts) > 2 * MOST:
        assert "more" in told or len(texts) <= 6


def test_the_same_error_is_shown_once_with_its_count():
    """Seven reports: the newest sentence and the number."""
    told = merged(["old"] * 6 + ["new"], list("abcdefg"), is_same=True)
    assert told.startswith("new\n(the same 7 times)")
    assert "old" not in told


def test_the_same_events_have_the_same_reference():
    """So a repeat after a crash is seen to be one."""
    assert reference(["a", "b"]) == reference(["a", "b"]) != reference(["a"])
