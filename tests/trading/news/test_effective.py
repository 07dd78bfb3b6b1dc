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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 5 December is ahead, 12 May is not; of 1 and 10 December, written either way, the first
        ("FOO to be delisted 05/12/2026", (12, 5)),
        ("FOO to be delisted 05.12.2026 at 08:00 UTC", (12, 5, 8)),
        ("FOO to be delisted on 12/05/2026", (12, 5)),
        ("FOO to be delisted on 12-12-2026", (12, 12)),
        ("FOO to be delisted on 12/24/2026", (12, 24)),
        ("FOO to be delisted on 24/12/2026", (12, 24)),
        ("FOO to be delisted on 24/13/2026", None),
        ("FOO 1.05.12.2026 delisted", None),
        # Chinese notices
        ("MEXC to delist FOO 于2026年12月5日15:00（UTC+8）下架", (12, 5, 7)),
        ("MEXC to delist FOO: 2026 年 12 月 5 日", (12, 5)),
        ("MEXC to delist FOO 12月5日15:00下架", (12, 5, 15)),
        ("FOO于2026-12-05 03:00下架", (12, 5, 3)),
        # told as done
        ("Delisted in May 3", None),
        ("FOO was delisted on May 3. Withdrawals are open and will be", None),
        ("FOO has been delisted on January 3", None),
        ("FOO delisted on 20 November", None),
        # told as done, or as headlines tell what comes
        ("FOO delisted on December 20", (12, 20)),
    ],
)
def test_dates_of_other_lands_and_of_the_past_are_read_on_the_safe_side(text, expected):
    """Said on 30 November 2026; too early is safe, next May is not."""
    said_at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    found = effective_time(text, said_at)
    assert found == (None if expected is None else datetime(2026, *expected, tzinfo=UTC))


def test_an_ambiguous_date_is_the_reading_that_comes_first():
    """4 March, not 3 April, on 1 January; in mid-March only April is left."""
    assert effective_time("Delisting of FOO 03/04/2026", datetime(2026, 1, 1, tzinfo=UTC)) == datetime(
        2026, 3, 4, tzinfo=UTC
    )
    assert effective_time("Delisting of FOO 03/04/2026", datetime(2026, 3, 15, tzinfo=UTC)) == datetime(
        2026, 4, 3, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FOO delisted January 3", datetime(2027, 1, 3, tzinfo=UTC)),
        ("FOO to be delisted May 3", datetime(2027, 5, 3, tzinfo=UTC)),
        ("FOO delisted March 3", None),
    ],
)
def test_a_date_without_a_year_is_next_years_where_the_words_allow(text, expected):
    """34, 154 and 93 days ahead of 30 November: what may be done is believed for 60 only."""
    assert effective_time(text, datetime(2026, 11, 30, 12, tzinfo=UTC)) == expected


def test_today_is_still_to_come():
    """No clock time: any moment now, and never in the past."""
    found = effective_time("FOO is delisted today", AT)
    assert AT < found < AT.replace(hour=11)


def test_a_hostile_text_is_read_in_bounded_time():
    """Digits and month names without end."""
    for text in (
        "1" * 2_000,
        "may " * 500,
        "12:" * 700,
        "2024-" * 400,
        "in 9 days " * 200,
        "1/1/" * 500,
        "年月日1" * 300,
    ):
        effective_time(text, AT)
