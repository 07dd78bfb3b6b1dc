"""One connection's commands, limits and timers, without a socket."""

from typing import Any

import orjson
import pytest

from trading.simulator.ws_channels import Channel, parse_channel
from trading.simulator.ws_session import Session, StreamSettings

GOOD = "spot@public.kline.v3.api.pb@AAAUSDT@Min5"
BAD = "spot@public.kline.v3.api@AAAUSDT@Min5"


class Transport:
    """A socket that remembers; `stuck` is what its peer has not read."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.stuck = 0
        self.is_cut = self.is_closed = False

    def write(self, frame: bytes) -> None:
        self.sent.append(frame)

    def get_write_buffer_size(self) -> int:
        return self.stuck

    def is_closing(self) -> bool:
        return self.is_cut or self.is_closed

    def abort(self) -> None:
        self.is_cut = True

    def close(self) -> None:
        self.is_closed = True


class Desk:
    """Opens every stream whose name is one."""

    def open(self, session: Session, name: str) -> Channel | None:
        return parse_channel(name)

    def close(self, session: Session, channel: Channel) -> None:
        pass


class Line:
    """A session, its socket and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.now_s = 1000.0
        self.transport = Transport()
        self.session = Session(self.transport, StreamSettings(**settings), lambda: self.now_s)  # type: ignore[arg-type]

    def ask(self, method: Any, *params: Any, **more: Any) -> dict[str, Any]:
        return self.raw(orjson.dumps({"method": method, "params": list(params), **more}))

    def raw(self, raw: bytes) -> dict[str, Any]:
        self.session.receive(raw, Desk())
        frame = self.transport.sent[-1]
        answer: dict[str, Any] = orjson.loads(frame[{126: 4, 127: 10}.get(frame[1], 2) :])
        return answer


def name(number: int) -> str:
    return f"spot@public.kline.v3.api.pb@S{number}USDT@Min5"


@pytest.mark.parametrize("word", ["PING", "ping"])
def test_ping_is_answered_with_pong(word):
    """MEXC's docs say PING, ccxt says ping."""
    assert Line().ask(word) == {"id": 0, "code": 0, "msg": "PONG"}


def test_answer_echoes_names_and_id():
    """All good: the names, joined by commas."""
    assert Line().ask("SUBSCRIPTION", name(1), name(2), id=7) == {
        "id": 7, "code": 0, "msg": f"{name(1)},{name(2)}"}  # fmt: skip


def test_blocked_streams_are_named_in_mexcs_words():
    """Recorded wording: two blanks, a full-width colon, a blank at the end; code 0 all the same."""
    line = Line()
    assert line.ask("SUBSCRIPTION", BAD) == {
        "id": 0, "code": 0, "msg": f"Not Subscribed successfully! [{BAD}].  Reason： Blocked! "}  # fmt: skip
    assert line.ask("SUBSCRIPTION", GOOD, BAD)["msg"] == (
        f"Subscribed successful! [{GOOD}]. Not Subscribed successfully! [{BAD}].  Reason： Blocked! "
    )
    assert list(line.session.channels) == [GOOD]


def test_thirty_first_stream_is_refused():
    """30 hold; one given back makes room for one; a repeated one takes no room."""
    line = Line()
    answer = line.ask("SUBSCRIPTION", *(name(number) for number in range(32)))
    assert answer["msg"].endswith(
        f"Not Subscribed successfully! [{name(30)},{name(31)}].  Reason： Blocked! "
    )
    assert len(line.session.channels) == 30
    assert line.ask("SUBSCRIPTION", name(3))["msg"] == name(3)
    assert line.ask("UNSUBSCRIPTION", name(3))["msg"] == name(3)
    assert line.ask("SUBSCRIPTION", name(30))["msg"] == name(30)
    assert len(line.session.channels) == 30


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"7", b'"PING"', b'{"method":"SUBSCRIPTION"}', b'{"method":null,"params":[]}',
     b'{"method":"SUBSCRIPTION","params":"x"}', "ä".encode("latin-1"), b'{"method":"DANCE","params":[]}'],
)  # fmt: skip
def test_nonsense_is_answered_and_forgiven(raw):
    """The connection lives on."""
    line = Line()
    assert line.raw(raw)["code"] != 0
    assert line.ask("PING")["msg"] == "PONG"


def test_names_that_are_no_text_are_passed_over():
    """Numbers and nulls among the names change nothing for the rest."""
    assert Line().ask("SUBSCRIPTION", 7, None, GOOD)["msg"] == GOOD


def test_more_than_a_hundred_messages_a_second_end_the_connection():
    """The 101st within a second; a second later the count is new."""
    line = Line()
    for _ in range(100):
        line.ask("PING")
    line.now_s += 1.0
    for _ in range(100):
        line.ask("PING")
    assert not line.session.is_ending
    line.session.receive(b'{"method":"PING"}', Desk())
    assert line.session.is_ending
    assert line.transport.is_closed
    assert line.transport.sent[-1][:4] == b"\x88" + bytes([len(line.transport.sent[-1]) - 2]) + b"\x03\xf0"


def test_peer_that_does_not_read_is_cut():
    """No more than `buffer_bytes` wait in front of one peer; afterwards nothing is written."""
    line = Line(buffer_bytes=1000)
    line.transport.stuck = 1000
    line.session.feed(b"x")
    assert not line.transport.is_cut
    line.transport.stuck = 1001
    line.session.feed(b"y")
    assert line.transport.is_cut
    line.session.feed(b"z")
    assert line.transport.sent == [b"x", b"y"]


def test_bare_connection_ends_after_half_a_minute():
    """Without a subscription pings do not help; with one they do; giving it back starts the half minute."""
    line = Line()
    line.now_s += 29.9
    line.ask("PING")
    assert line.session.overdue(line.now_s) is None
    line.now_s += 0.1
    assert "no valid subscription" in str(line.session.overdue(line.now_s))
    line.ask("SUBSCRIPTION", GOOD)
    assert line.session.overdue(line.now_s) is None
    line.ask("UNSUBSCRIPTION", GOOD)
    assert line.session.overdue(line.now_s + 29.9) is None
    assert line.session.overdue(line.now_s + 30.0) is not None


def test_subscribed_connection_ends_after_a_minute_without_data_and_ping():
    """Either keeps it alive."""
    line = Line()
    line.ask("SUBSCRIPTION", GOOD)
    line.now_s += 59
    line.session.feed(b"data")
    line.now_s += 59
    assert line.session.overdue(line.now_s) is None
    line.ask("ping")
    line.now_s += 59
    assert line.session.overdue(line.now_s) is None
    line.now_s += 1
    assert "no data and no ping" in str(line.session.overdue(line.now_s))


def test_connection_lives_a_day_at_most():
    """Whatever it hears and says."""
    line = Line()
    line.ask("SUBSCRIPTION", GOOD)
    line.now_s += 86_400
    line.session.feed(b"data")
    assert "older than 86400 s" in str(line.session.overdue(line.now_s))


def test_listen_key_does_not_show():
    """A session in a log line must not give a key away."""
    line = Line()
    line.session.listen_key = "5ec4e7"
    assert "5ec4e7" not in repr(line.session)
