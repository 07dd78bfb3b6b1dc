from datetime import UTC, datetime

import pytest

from trading.news.effective import effective_time

AT = datetime(2024, 12, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FOO will be delisted on 2024-12-27 03:00 (UTC)", (2024, 12, 27, 3)),
        ("FOO will be delisted at 2024-12-27T03:00Z", (2024, 12, 27, 3)),
        ("Trading ends 2024/12/27 at 8:00 UTC", (2024, 12, 27, 8)),
        ("Delisting of FOO on December 27, 2024 at 08:30 UTC", (2024, 12, 27, 8, 30)),
        ("Delisting of FOO on Dec 27th", (2024, 12, 27)),
        ("Delisting at 08:00 UTC on 27 December", (2024, 12, 27, 8)),
        ("Delisting of FOO on January 3 at 2:00 pm", (2025, 1, 3, 14)),
        ("Delisting at 12:00 am Dec 28", (2024, 12, 28, 0)),
        ("FOO to be delisted Dec 27 18:00 KST", (2024, 12, 27, 9)),
        ("FOO to be delisted in 3 days", (2024, 12, 23, 10)),
        ("FOO to be delisted within 24 hours", (2024, 12, 21, 10)),
        ("FOO to be delisted tomorrow", (2024, 12, 21)),
        # the first that is still to come
        (
            "Announced 2024-12-19. Trading stops 2024-12-27 03:00; withdrawals until 2025-03-27",
            (2024, 12, 27, 3),
        ),
        # no time, an impossible one, or only the past
        ("FOO will be delisted", None),
        ("FOO will be delisted next week", None),
        ("FOO was delisted on 2024-12-01", None),
        ("FOO delisted on February 30, 2025", None),
        ("FOO delisted on 2024-13-45", None),
        ("FOO may 5x before delisting", None),
        ("Version 2099-01-01 delisted", None),
        ("", None),
    ],
)
def test_the_end_of_trading_is_read_as_notices_write_it(text, expected):
    """UTC unless another zone is named; a date alone is its beginning."""
    assert effective_time(text, AT) == (None if expected is None else datetime(*expected, tzinfo=UTC))


def test_today_is_still_to_come():
    """No clock time: any moment now, and never in the past."""
    found = effective_time("FOO is delisted today", AT)
    assert AT < found < AT.replace(hour=11)


def test_a_hostile_text_is_read_in_bounded_time():
    """Digits and month names without end."""
    for text in ("1" * 2_000, "may " * 500, "12:" * 700, "2024-" * 400, "in 9 days " * 200):
        effective_time(text, AT)
