"""What a user does on their pages: key, risk text, mode, settings, leaving; each as the command does it."""

import logging

import pytest

from interfaces.pages.audited import FIELDS
from interfaces.pages.verbs import VERBS
from tests.interfaces.pages.conftest import client_of
from tests.interfaces.users_stand import KEY
from tests.trading.simulator.handmade import START_MS
from trading.market.errors import BadInput
from trading.simulator.accounts import ALL_PERMISSIONS, TRADE, WITHDRAW
from trading.users.consent import PHRASE, read_text
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL

HOSTILE = "<img src=x onerror=alert(1)>\"'\u202e" + "x" * 10_000


def paste(client, csrf, pair, *, is_bound=True):
    form = {"csrf": csrf, "api_key": pair[0], "secret": pair[1]} | ({"ip_bound": "yes"} if is_bound else {})
    return client.post("/key", data=form)


def test_good_key_is_proven_kept_and_shown_nowhere(at, desk, opened, caplog, capsys):
    """Not on any page, in the log, the audit, the events, the export or the files of the world."""
    caplog.set_level(logging.DEBUG)
    client, csrf = opened()
    pair = at.open_key()
    answer = paste(client, csrf, pair)
    assert "Kept and proven" in answer.text
    assert desk.log.keys.get("ada", "mexc").state == "proven"
    assert Directory(desk.log).get("ada").account == "key:mexc"
    pages = [answer.text] + [
        client.get(f"/{name}").text for name in ("", "key", "mode", "settings", "export")
    ]
    told = [
        *pages,
        caplog.text,
        *capsys.readouterr(),
        str(desk.log.chats.audit()),
    ]
    files = [path.read_bytes() for path in at.home.rglob("*") if path.is_file()]
    for secret in pair:
        assert not [text for text in told if secret in text]
        assert not [data for data in files if secret.encode() in data]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"addresses": frozenset({"10.9.8.7"})}, "bound to other addresses"),
        ({"expires_ms": START_MS}, "has expired"),
        ({"permissions": ALL_PERMISSIONS - {TRADE}}, "lacks a permission"),
        ({"permissions": ALL_PERMISSIONS | {WITHDRAW}}, "may withdraw"),
        ({"symbols": frozenset({"ZZZUSDT"})}, "may trade no pair"),
    ],
)
def test_unfit_key_is_one_plain_sentence_and_trades_nothing(at, desk, opened, terms, words):
    """The prover's own sentence, without a command of the operator's in it."""
    client, csrf = opened()
    answer = paste(client, csrf, at.open_key(**terms))
    assert "Kept and proven" not in answer.text
    assert words in answer.text
    assert "sluice " not in answer.text.replace("sluice.css", "")
    kept = desk.log.keys.get("ada", "mexc")
    assert kept is None or kept.state == "failed"


def test_somebody_elses_key_is_refused_without_their_name(at, desk, opened):
    """One key, one user; who has it is not this user's to know."""
    bob, bobs = opened("bob")
    pair = at.open_key()
    assert "Kept and proven" in paste(bob, bobs, pair).text
    ada, csrf = opened("ada")
    answer = paste(ada, csrf, pair)
    assert "linked by somebody else" in answer.text
    assert "bob" not in answer.text
    assert desk.log.keys.get("ada", "mexc") is None


def test_a_fault_while_proving_tells_nothing_of_the_key(at, desk, opened, monkeypatch, caplog, capsys):
    """An error whose text holds the key: neither the page nor any log shows it."""

    def broken(*_given, **_named):
        raise RuntimeError(f"signed {KEY} with {secret}")

    client, csrf = opened()
    _, secret = pair = at.open_key()
    monkeypatch.setattr("interfaces.cli.users_keys.link_proven", broken)
    answer = paste(client, csrf, pair)
    assert answer.status_code == 500
    told = answer.text + caplog.text + "".join(capsys.readouterr()) + str(desk.log.chats.audit())
    assert KEY not in told
    assert secret not in told


def test_keys_are_tried_five_times_then_once_a_minute(opened):
    """Each proof asks the exchange: a flood is refused before it."""
    client, csrf = opened()
    codes = [paste(client, csrf, ("", "")).status_code for _ in range(7)]
    assert codes == [400] * 5 + [429] * 2


def test_consent_is_recorded_for_the_text_that_was_shown(desk, opened):
    """Version and hash for good; a wrong phrase and an older text record nothing."""
    client, csrf = opened()
    text = read_text()
    assert "Stops are watched" in client.get("/risk").text
    for form in ({"typed": "yes", "sha256": text.sha256}, {"typed": PHRASE, "sha256": "0" * 64}):
        assert client.post("/risk", data=form | {"csrf": csrf}).status_code == 400
    assert desk.log.wishes.consents_of("ada") == []
    assert (
        client.post("/risk", data={"csrf": csrf, "typed": PHRASE, "sha256": text.sha256}).status_code == 200
    )
    assert [one.text_sha256 for one in desk.log.wishes.consents_of("ada")] == [text.sha256]
    assert desk.log.wishes.consents_of("bob") == []


def test_live_asks_for_everything_that_the_command_asks_for(at, desk, opened):
    """The sentence, a bound and proven key, consent; then it is chosen; and back to paper."""
    client, csrf = opened()
    live = {"csrf": csrf, "mode": "live", "typed": "trade live with ada"}
    assert "type" in client.post("/mode", data=live | {"typed": "yes"}).text
    assert "live needs" in client.post("/mode", data=live).text
    paste(client, csrf, at.open_key(), is_bound=True)
    assert "live needs consent" in client.post("/mode", data=live).text
    client.post("/risk", data={"csrf": csrf, "typed": PHRASE, "sha256": read_text().sha256})
    assert "You are in live mode" in client.post("/mode", data=live).text
    assert Directory(desk.log).get("ada").mode == "live"
    assert "You are in paper mode" in client.post("/mode", data={"csrf": csrf, "mode": "paper"}).text


def test_settings_are_those_of_the_command_and_audited(desk, opened):
    """Percent on the page, fractions in the log; every change is a row with what was asked."""
    client, csrf = opened()
    form = {"csrf": csrf, "capital": "750", "risk": "2", "max_positions": "3", "daily_loss_limit": "4%"}
    assert "Saved" in client.post("/settings", data=form).text
    user = Directory(desk.log).get("ada")
    assert (str(user.capital), float(user.risk_per_trade), user.max_positions) == ("750", 0.02, 3)
    assert float(user.daily_loss_limit) == 0.04
    assert Directory(desk.log).get("bob").max_positions == 5
    client.post("/block", data={"csrf": csrf, "what": "block", "pair": "aaa/usdt"})
    assert Directory(desk.log).get("ada").blocked == {"AAA/USDT"}
    client.post("/block", data={"csrf": csrf, "what": "unblock", "pair": "AAA/USDT"})
    assert Directory(desk.log).get("ada").blocked == frozenset()
    client.post(
        "/messages",
        data={"csrf": csrf, "quiet_from": "22:00", "quiet_to": "07:00", "mute_trade_opened": "yes"},
    )
    assert Directory(desk.log).preferences("ada").muted == ("trade_opened",)
    client.post("/pause", data={"csrf": csrf, "what": "pause"})
    assert Directory(desk.log).get("ada").is_paused
    rows = [(row.user_id, row.command) for row in desk.log.chats.audit()]
    wanted = ("page pause", "page messages", "page block", "page block", "page settings")
    assert rows[:5] == [("ada", name) for name in wanted]


@pytest.mark.parametrize(
    "change",
    [
        {"capital": "0"}, {"capital": "NaN"}, {"capital": "1e99"}, {"capital": HOSTILE}, {"risk": "100"},
        {"risk": "-1"}, {"max_positions": "0"}, {"max_positions": "x"}, {"daily_loss_limit": "Infinity"},
    ],
)  # fmt: skip
def test_bad_bounds_are_one_sentence_and_change_nothing(desk, opened, change):
    """Hostile text comes back as text, cut."""
    client, csrf = opened()
    form = {"csrf": csrf, "capital": "750", "risk": "2", "max_positions": "3", "daily_loss_limit": "4"}
    before = Directory(desk.log).get("ada")
    answer = client.post("/settings", data=form | change)
    assert answer.status_code in (400, 413)
    assert "<img src=x" not in answer.text
    assert Directory(desk.log).get("ada") == before


def test_close_all_and_leaving_ask_for_a_sentence(desk, opened, app):
    """Then: a durable request; then the person is gone from every table, and the session with them."""
    client, csrf = opened()
    assert client.post("/close-all", data={"csrf": csrf, "typed": "yes"}).status_code == 400
    assert desk.log.wishes.requests_of("ada") == []
    client.post("/close-all", data={"csrf": csrf, "typed": "sell everything"})
    assert [one.kind for one in desk.log.wishes.requests_of("ada")] == [CLOSE_ALL]
    assert client.get("/export").json()["user_id"] == "ada"
    assert client.post("/leave", data={"csrf": csrf, "typed": "ada"}).status_code == 400
    assert "You have left" in client.post("/leave", data={"csrf": csrf, "typed": "leave as ada"}).text
    assert client.get("/").status_code == 401
    assert "ada" not in str(desk.log.chats.audit())
    assert Directory(desk.log).get("bob").user_id == "bob"


def test_hostile_names_are_text(desk, opened):
    """A name and a blocked pair of somebody who writes HTML."""
    Directory(desk.log).change("ada", name=HOSTILE[:200], blocked=frozenset({HOSTILE[:60]}))
    client, _ = opened()
    for page in ("", "trades", "key", "risk", "mode", "settings", "leave"):
        text = client.get(f"/{page}").text
        assert "<img src=x" not in text
        assert "\u202e" not in text.replace(HOSTILE[:60], "") or page == "settings"


def test_the_public_origin_is_https_or_this_machine():
    """A link over plain http would show the cookie to whoever listens."""
    from resources.settings import load_settings

    for good in ("https://my.example.net", "https://my.example.net:8443", "http://127.0.0.1:8060", ""):
        assert load_settings(public_origin=good).public_origin == good
    for bad in ("http://my.example.net", "https://my.example.net/x", "my.example.net", "https://a@b.example"):
        with pytest.raises(BadInput, match="PUBLIC_ORIGIN"):
            load_settings(public_origin=bad)


def test_a_health_answer_needs_no_session(app):
    """For a proxy."""
    assert client_of(app).get("/health").json() == {"ok": True}


@pytest.mark.parametrize("name", VERBS)
def test_a_key_pasted_into_the_wrong_box_stays_out_of_the_audit(at, desk, opened, name):
    """In every field that an audit row keeps, and in fields that no form has; refused or done."""
    client, csrf = opened()
    api_key, secret = at.open_key()
    for pasted in (api_key, secret, f"{api_key} {secret}"):
        boxes = dict.fromkeys((*FIELDS, "api_key", "secret", "typed"), pasted)
        client.post(f"/{name}", data=boxes | {"csrf": csrf})
    told = str(desk.log.chats.audit(1_000))
    assert f"page {name}" in told
    assert api_key not in told
    assert secret not in told
