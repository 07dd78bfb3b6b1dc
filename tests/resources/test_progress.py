"""What a run's log says while something long goes on."""

from resources.progress import logged


def test_log_gets_a_line_every_few_seconds_with_what_is_left():
    """100 pieces, one a second: lines at 5, 10 ... and at the end; the listener hears of every one."""
    now, told, heard = [0.0], [], []
    tell = logged(lambda *at: heard.append(at), told.append, wall=lambda: now[0])
    for done in range(1, 101):
        now[0] = float(done)
        tell(done, 100)
    assert heard == [(done, 100) for done in range(1, 101)]
    assert told[0] == "5 of 100 requests, about 95 s left"
    assert len(told) == 20
    assert told[-1] == "100 of 100 requests"


def test_nothing_done_promises_nothing():
    """A first call with 0 done cannot tell how long the rest takes."""
    now, told = [0.0], []
    tell = logged(lambda *at: None, told.append, wall=lambda: now[0])
    now[0] = 9.0
    tell(0, 40)
    assert told == ["0 of 40 requests"]
