"""Telegram's limits hold in every window, whatever is asked of the sender and however late it wakes."""

from hypothesis import given
from hypothesis import strategies as st

from trading.notifications.fake_limits import Windows
from trading.notifications.pace import Pace


def test_a_thousand_chats_take_forty_seconds_less_the_burst():
    """25 a second: the last of 1,000 leaves at (1000 - 3) / 25 = 39.88 s."""
    pace, now = Pace(), 0.0
    for chat in range(1, 1_001):
        now += pace.wait_s(now)
        pace.take(chat, now)
    assert abs(now - 39.88) < 1e-3


def test_what_a_stall_cost_is_caught_up_and_never_in_one_second():
    """A stall of 0.8 s after 100 of 300 messages: at the end all have left in (300 - 3) / 25 = 11.88 s."""
    pace, windows, now = Pace(), Windows(), 0.0
    for chat in range(1, 301):
        now += 0.8 if chat == 100 else 0.0
        now += pace.wait_s(now)
        pace.take(chat, now)
        windows.arrived(chat, now)
    assert abs(now - 11.88) < 0.01
    assert windows.most_per_second <= 28


def test_a_pause_without_work_is_not_caught_up():
    """An hour of nothing, or of a rest that was asked for, earns three at once; the fourth waits 40 ms."""
    for pause in (lambda pace: pace.idle(3_600.0), lambda pace: pace.rest(3_600.0, 0.0)):
        pace = Pace()
        pause(pace)
        for chat in range(3):
            assert pace.wait_s(3_600.0) == 0
            pace.take(chat, 3_600.0)
        assert abs(pace.wait_s(3_600.0) - 0.04) < 1e-9


def test_a_slow_way_does_not_fill_a_second():
    """28 sent one after the other, the first there after half a second: the 29th counts from its answer."""
    pace = Pace()
    pace.idle(100.0)
    pace.take(1, 100.0)
    pace.answered(1, 100.5)
    now = 100.5
    for chat in range(2, 29):
        now += pace.wait_s(now)
        pace.take(chat, now)
    assert now + pace.wait_s(now) >= 101.5


def test_one_chat_gets_one_message_a_second():
    """After a message a chat rests 1.05 s; another chat does not."""
    pace = Pace()
    pace.take(7, 100.0)
    assert abs(pace.chat_wait_s(7, 100.0) - 1.05) < 1e-9
    assert pace.chat_wait_s(8, 100.0) == 0
    assert pace.resting(100.0) == [7]
    assert pace.resting(101.06) == []


def test_a_group_gets_eighteen_a_minute():
    """The 19th waits until the first is a minute old, and the gap that jitter may cost."""
    pace = Pace()
    for second in range(18):
        pace.take(-5, second * 2.0)
    assert abs(pace.chat_wait_s(-5, 36.0) - (61.05 - 36.0)) < 1e-9


def test_a_429_rests_everything():
    """`retry_after` is honoured by every chat."""
    pace = Pace()
    pace.rest(7.0, 50.0)
    assert abs(pace.wait_s(51.0) - 6.0) < 1e-9
    assert pace.wait_s(57.0) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 3, -1, -2, *range(10, 60)]), st.floats(0, 3)),
        min_size=1,
        max_size=300,
    )
)
def test_no_window_is_ever_fuller_than_telegram_allows(asked):
    """Whoever asks when: 30 in any second, 1 a second to a chat, 20 a minute to a group."""
    pace, windows, now = Pace(), Windows(), 0.0
    for chat, late in asked:
        now += late
        now += max(pace.wait_s(now), pace.chat_wait_s(chat, now))
        now += pace.wait_s(now)
        pace.take(chat, now)
        windows.arrived(chat, now)
    assert windows.breaks == []


def test_the_fake_server_sees_what_is_too_much():
    """31 in a second, two to a chat within a second, 21 a minute to a group: each is named."""
    windows = Windows()
    for chat in range(1, 32):
        windows.arrived(chat, chat / 100)
    windows.arrived(1, 0.5)
    assert windows.most_per_second == 32
    assert any("31 messages within a second" in line for line in windows.breaks)
    assert any("two messages to chat 1" in line for line in windows.breaks)
    group = Windows()
    for index in range(21):
        group.arrived(-9, index * 2.0)
    assert group.breaks == ["21 messages to group -9 within a minute"]
