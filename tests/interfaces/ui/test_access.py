"""Who gets in: right password, fresh form, few tries, own page, known host name."""

import stat

import pytest

from interfaces.ui.access.accounts import Accounts, Role
from interfaces.ui.access.limits import Limit
from interfaces.ui.access.sessions import IDLE_S, LONGEST_S, MOST, MOST_OF_ONE, Forms, Sessions
from tests.interfaces.ui.conftest import log_in
from trading.market.errors import BadInput


class Hand:
    """A clock moved by hand."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def test_without_a_session_nothing_is_shown(client):
    """Pages lead to the form, endpoints answer 401, the stream too."""
    assert client.get("/").headers["location"] == "/login"
    assert client.get("/live").status_code == 303
    assert client.get("/api/standing").status_code == 401
    assert client.get("/events").status_code == 401
    assert client.post("/orders/flatten", data={"typed": "flatten"}).status_code == 401


def test_the_right_password_opens_and_log_out_closes(client):
    """A cookie that scripts cannot read and other sites cannot send."""
    csrf = log_in(client)
    assert csrf is not None
    assert client.get("/api/standing").status_code == 200
    assert client.post("/logout", data={"csrf": "guessed"}).status_code == 403
    assert client.post("/logout", data={"csrf": csrf}).status_code == 303
    assert client.get("/api/standing").status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(client):
    """HttpOnly, SameSite=Strict."""
    stamp = client.get("/login").text.split('name="stamp" value="')[1].split('"')[0]
    answer = client.post("/login", data={"stamp": stamp, "name": "ada", "password": "correct-horse-battery"})
    cookie = next(text for text in answer.headers.get_list("set-cookie") if text.startswith("sluice_session"))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_wrong_name_and_wrong_password_get_one_answer(client):
    """So that names cannot be found out by asking."""
    answers = []
    for name, password in (("ada", "wrong-wrong-wrong"), ("nobody", "correct-horse-battery")):
        stamp = client.get("/login").text.split('name="stamp" value="')[1].split('"')[0]
        answer = client.post("/login", data={"stamp": stamp, "name": name, "password": password})
        answers.append((answer.status_code, answer.text.replace(stamp, "").split("<form")[0]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


def test_a_replayed_login_is_refused(client):
    """The same form sent again, with the right password and its cookie, opens nothing."""
    stamp = client.get("/login").text.split('name="stamp" value="')[1].split('"')[0]
    body = {"stamp": stamp, "name": "ada", "password": "correct-horse-battery"}
    assert client.post("/login", data=body).status_code == 303
    client.cookies.set("sluice_form", stamp)
    assert client.post("/login", data=body).status_code == 403


@pytest.mark.parametrize(
    "change", [("correct-horse-battery", Role.VIEWER), ("another-long-password", Role.OPERATOR)]
)
def test_another_role_or_password_ends_the_sessions_of_the_account(desk, seated, tmp_path, change):
    """Changed by `sluice ui --account` in another process: at once, not when the week is over."""
    desk.accounts = Accounts(tmp_path / "ui_accounts.json")
    desk.accounts.put("ada", "correct-horse-battery", Role.OPERATOR)
    client, csrf = seated()
    token = client.cookies["sluice_session"]
    assert (client.get("/api/standing").status_code, desk.holds(token)) == (200, True)
    Accounts(tmp_path / "ui_accounts.json").put("ada", *change)
    order = {"csrf": csrf, "why": "x", "typed": "stop"}
    assert client.post("/orders/stop-entries", data=order).status_code == 401
    assert client.get("/api/standing").status_code == 401
    assert not desk.holds(token)


def test_a_form_of_another_browser_is_refused():
    """The stamp must come with the cookie that it was given with."""
    forms = Forms()
    stamp = forms.make()
    assert not forms.take(stamp, None)
    assert not forms.take("1." + stamp, "1." + stamp)
    assert forms.take(stamp, stamp)
    assert not forms.take(stamp, stamp)


def test_ten_thousand_bad_logins_cost_little_and_are_bounded(client, desk, monkeypatch):
    """Five tries at once, then the rest is refused before any hashing; memory and audit stay small."""
    hashed = []
    monkeypatch.setattr(desk.accounts, "check", lambda name, password: hashed.append(name))
    client.get("/login")
    for number in range(10_000 // 50):  # each request costs a millisecond of test client: see the limit below
        client.post("/login", data={"stamp": "x.y", "name": f"n{number}", "password": "x" * 900})
    assert desk.refused_logins >= 190
    assert hashed == []  # the stamp was wrong: no hash either
    assert len(desk.audit.newest(1_000)) <= 10
    clock = Hand()
    limit = Limit(5, 10, all_per_minute=60, keys=100, clock=clock)
    passed = 0
    for number in range(10_000):
        clock.now += 0.001
        passed += limit.take(f"10.0.{number // 250}.{number % 250}") == 0
    assert passed in (69, 70)  # 60 at once, and one a second in ten seconds
    assert len(limit) == 100


def test_a_bucket_fills_with_time():
    """Ten a minute: one each six seconds."""
    clock = Hand()
    limit = Limit(5, 10, all_per_minute=600, clock=clock)
    assert [limit.take("a") == 0 for _ in range(6)] == [True] * 5 + [False]
    assert limit.take("b") == 0
    clock.now += 6.0
    assert limit.take("a") == 0
    assert limit.take("a") == pytest.approx(6.0)


def test_sessions_are_bounded_and_end():
    """20 of one account, 1,000 in all; idle for 12 hours or open for a week is over."""
    clock = Hand()
    sessions = Sessions(clock)
    own = [sessions.begin("ada", Role.OPERATOR) for _ in range(MOST_OF_ONE + 1)]
    assert sessions.get(own[0]) is None
    assert sessions.get(own[1]) is not None
    for number in range(MOST + 5):
        sessions.begin(f"n{number}", Role.VIEWER)
    assert len(sessions) == MOST
    token = sessions.begin("vic", Role.VIEWER)
    clock.now += IDLE_S + 1
    assert sessions.get(token) is None
    token = sessions.begin("vic", Role.VIEWER)
    for _ in range(int(LONGEST_S // IDLE_S) + 1):
        clock.now += IDLE_S - 1
        sessions.get(token)
    clock.now += IDLE_S - 1
    assert sessions.get(token) is None


def test_passwords_are_hashed_in_a_file_for_its_owner(tmp_path):
    """No password in it, mode 0600, another salt each."""
    made = Accounts(tmp_path / "a.json")
    password = made.ensure_one()
    assert made.ensure_one() is None
    assert made.check("operator", password) is Role.OPERATOR
    assert made.check("operator", password + "x") is None
    made.put("vic", password, Role.VIEWER)
    text = (tmp_path / "a.json").read_text()
    assert password not in text
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
    assert len({line for line in text.splitlines() if "sealed" in line}) == 2
    with pytest.raises(BadInput, match="12 to 200"):
        made.put("vic", "short", Role.VIEWER)
    with pytest.raises(BadInput, match="must match"):
        made.put("../vic", password, Role.VIEWER)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8050"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "["}, 421),
        ({"host": "localhost:8050"}, 200),
        ({"host": "[::1]:8050"}, 200),
    ],
)
def test_only_known_host_names_are_answered(client, headers, status):
    """A page elsewhere could point its own name at this machine."""
    assert client.get("/login", headers=headers).status_code == status


def test_what_is_sent_from_another_page_or_too_large_is_refused(client):
    """The Origin must be ours; a form has at most 20,000 bytes; an address 2,000."""
    for origin in ("http://evil.example", "http://["):
        assert client.post("/login", data={}, headers={"origin": origin}).status_code == 403
    assert client.post("/login", content=b"x" * 30_000).status_code == 413
    assert client.get("/login?" + "x" * 3_000).status_code == 414
    assert client.get("/health", headers={"x": "y" * 100}).json() == {"ok": True}


def test_every_answer_forbids_everything_from_elsewhere(client):
    """The policy is on pages, errors and files alike."""
    for path in ("/login", "/nowhere", "/static/page.js", "/health"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


def test_there_is_no_page_of_the_framework_s_own(client):
    """/docs would load its script from a content network."""
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
