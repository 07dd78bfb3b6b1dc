"""Keys as a person links them: proven first, one plain sentence per failure, shown nowhere."""

import socket

import pytest

from interfaces.cli.main import run
from tests.interfaces.users_stand import KEY, stand
from tests.trading.simulator.handmade import START_MS
from trading.simulator.accounts import ALL_PERMISSIONS, TRADE, WITHDRAW, WITHDRAW_READ


def has_two_addresses() -> bool:
    """Linux has all of 127.0.0.0/8; macOS has 127.0.0.1 unless told otherwise."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True


needs_two_addresses = pytest.mark.skipif(not has_two_addresses(), reason="127.0.0.2 is not on this machine")


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    with stand(tmp_path, monkeypatch, capsys) as found:
        assert found.users("master-key") == 0
        assert found.users("add", "ada", "--capital", "1000") == 0
        yield found


def lines(pair: tuple[str, str]) -> str:
    return "\n".join(pair) + "\n"


def test_good_key_is_linked_and_proven(at):
    """Every check is said; the user then trades with this key, on paper."""
    found = at.json("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    assert found["is_linked"]
    assert found["is_passed"]
    assert {c["check"]: c["verdict"] for c in found["checks"]} == {
        "access": "ok",
        "no_withdrawal": "ok",
        "trading": "ok",
        "ip_binding": "ok",
        "balance": "ok",
        "test_order": "ok",
        "alone": "ok",
    }
    shown = at.json("show", "ada")
    assert shown["user"]["account"] == "key:mexc"
    assert shown["user"]["mode"] == "paper"
    assert shown["key"][0]["state"] == "proven"
    assert at.exchange.matcher.store.open_orders(KEY) == []


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"addresses": frozenset({"10.9.8.7"})}, "bound to other addresses"),
        ({"expires_ms": START_MS}, "has expired"),
        ({"permissions": ALL_PERMISSIONS - {TRADE}}, "lacks a permission"),
        ({"permissions": ALL_PERMISSIONS | {WITHDRAW}}, "may withdraw"),
        ({"permissions": ALL_PERMISSIONS | {WITHDRAW_READ}}, "may withdraw"),
        ({"symbols": frozenset({"ZZZUSDT"})}, "may trade no pair"),
    ],
)
def test_unfit_key_is_one_plain_sentence(at, terms, words):
    """What is wrong with the key is said in words, without a code, and exit code 1."""
    code = at.users("link", "ada", "--ip-bound", typed=lines(at.open_key(**terms)))
    assert code == 1
    assert words in at.out
    assert "HTTP" not in at.out


def egress(monkeypatch, source: str, standby: str) -> None:
    monkeypatch.setenv("SLUICE_EXCHANGE__SOURCE_ADDRESS", source)
    monkeypatch.setenv("SLUICE_EXCHANGE__STANDBY_ADDRESS", standby)


def verdicts(found) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in found["checks"]}


@needs_two_addresses
def test_key_bound_to_both_addresses_is_proven_from_both(at, monkeypatch):
    """Two sockets with two source addresses ask the exchange, which knows the key from both."""
    egress(monkeypatch, "127.0.0.1", "127.0.0.2")
    key = at.open_key(addresses=frozenset({"127.0.0.1", "127.0.0.2"}))
    found = at.json("link", "ada", "--ip-bound", typed=lines(key))
    assert found["is_passed"]
    assert [(c["check"], c["sentence"]) for c in found["checks"][:2]] == [
        ("access", "The key and its secret are accepted from 127.0.0.1."),
        ("standby", "The key is accepted from 127.0.0.2, your standby address, too."),
    ]


@needs_two_addresses
def test_key_that_refuses_the_standby_address_gets_no_entries_until_it_is_bound_to_both(at, monkeypatch):
    """Linked but failed, in one sentence; bound to both at the exchange, the next check passes."""
    egress(monkeypatch, "127.0.0.1", "127.0.0.2")
    at.json("link", "ada", "--ip-bound", typed=lines(at.open_key(addresses=frozenset({"127.0.0.1"}))))
    key = at.json("show", "ada")["key"][0]
    assert key["state"] == "failed"
    told = "The key refuses 127.0.0.2, your standby address: bind it at the exchange to both."
    assert key["reason"] == told
    at.exchange.accounts.known[KEY].addresses = frozenset({"127.0.0.1", "127.0.0.2"})
    assert at.users("check", "ada") == 0
    assert at.json("show", "ada")["key"][0]["state"] == "proven"


@needs_two_addresses
@pytest.mark.parametrize(("bound", "standby"), [("127.0.0.2", "ok"), ("10.9.8.7", "failed")])
def test_refusal_of_the_main_address_is_said_and_the_standby_is_asked_still(at, monkeypatch, bound, standby):
    """Both ends of the binding are said at once, so that nobody mends one and finds the other."""
    egress(monkeypatch, "127.0.0.1", "127.0.0.2")
    key = at.open_key(addresses=frozenset({bound}))
    found = at.json("link", "ada", "--ip-bound", typed=lines(key))
    assert not found["is_linked"]
    assert verdicts(found) == {"access": "failed", "standby": standby}
    told = "The key refuses 127.0.0.1, your main address: bind it at the exchange to both."
    assert found["checks"][0]["sentence"] == told


@needs_two_addresses
def test_requests_leave_from_the_source_address(at, monkeypatch):
    """A key bound to 127.0.0.2 alone is accepted where that is the source address."""
    monkeypatch.setenv("SLUICE_EXCHANGE__SOURCE_ADDRESS", "127.0.0.2")
    key = at.open_key(addresses=frozenset({"127.0.0.2"}))
    assert at.json("link", "ada", "--ip-bound", typed=lines(key))["is_passed"]


def test_standby_address_of_another_machine_is_a_warning_that_says_where_to_check(at, monkeypatch):
    """192.0.2.1 (RFC 5737) is nobody's: it cannot be asked from here, which says nothing of the key."""
    egress(monkeypatch, "127.0.0.1", "192.0.2.1")
    found = at.json("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    assert found["is_passed"]
    assert verdicts(found)["standby"] == "warning"
    assert "Run `sluice users check` there" in found["checks"][1]["sentence"]


def test_source_address_that_is_not_this_machines_is_named(at, monkeypatch):
    """Nothing is sent, and the error has the address."""
    monkeypatch.setenv("SLUICE_EXCHANGE__SOURCE_ADDRESS", "192.0.2.1")
    assert at.users("link", "ada", typed=lines(at.open_key())) == 1
    assert "192.0.2.1 is no address of this machine" in at.err


@pytest.mark.parametrize(
    ("source", "standby", "words"),
    [("mexc.com", "127.0.0.2", "does not appear to be"), ("127.0.0.1", "127.0.0.1", "must differ")],
)
def test_addresses_that_cannot_be_are_refused(at, monkeypatch, source, standby, words):
    """A name is no address; a standby that is the same is none."""
    egress(monkeypatch, source, standby)
    assert at.users("check") == 2
    assert words in at.err


def test_unfit_key_is_not_kept_and_the_one_before_stays(at):
    """A key that may withdraw does not replace one that works."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    bad = at.open_key("mx0othercanary00001", permissions=ALL_PERMISSIONS | {WITHDRAW})
    assert not at.json("link", "ada", typed=lines(bad))["is_linked"]
    assert at.json("show", "ada")["key"][0]["version"] == 1


def test_wrong_secret_and_unknown_key_are_told_apart(at):
    """A mistyped secret and a deleted key need different things done."""
    key, _ = at.open_key()
    at.users("link", "ada", typed=f"{key}\n{'f' * 32}\n")
    assert "secret does not belong" in at.out
    at.users("link", "ada", typed=f"mx0neverissued00001\n{'f' * 32}\n")
    assert "does not know this key" in at.out


def test_balance_below_the_least_links_and_keeps_entries_shut(at):
    """The key is good, the account is empty: a deposit and a check open it."""
    key, secret = at.open_key(funds="3")
    found = at.json("link", "ada", "--ip-bound", typed=lines((key, secret)))
    assert found["is_linked"]
    assert not found["is_passed"]
    assert "3 USDT are free, the least that makes sense is" in at.json("show", "ada")["key"][0]["reason"]
    at.open_key(funds="5000")
    assert at.users("check", "ada") == 0
    assert at.json("show", "ada")["key"][0]["state"] == "proven"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda account: setattr(account, "is_revoked", True), "does not know this key"),
        (lambda account: setattr(account, "expires_ms", START_MS), "has expired"),
        (lambda account: setattr(account, "addresses", frozenset({"10.0.0.9"})), "bound to other addresses"),
    ],
)
def test_daily_check_finds_a_key_that_went_bad(at, change, words):
    """Revoked, expired, address changed since: state and sentence are kept, the user is told, once."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    change(at.exchange.accounts.known[KEY])
    assert at.users("check") == 1
    assert at.users("check") == 1
    key = at.json("show", "ada")["key"][0]
    assert key["state"] == "failed"
    assert words in key["reason"]
    with at.log() as log:
        assert [event.kind for event in log.outbox.of_user("ada")] == ["key_failed"]


def test_exchange_that_is_down_says_nothing_of_the_key(at, monkeypatch):
    """A key keeps the state it had when nobody answers."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    assert at.users("check") == 1
    assert at.json("show", "ada")["key"][0]["state"] == "proven"


def test_nothing_is_asked_before_there_is_a_master_key(tmp_path, monkeypatch, capsys):
    """Without one the command says how to make one, before a secret is typed in vain."""
    with stand(tmp_path, monkeypatch, capsys) as at:
        at.users("add", "ada")
        assert at.users("link", "ada", typed=lines(at.open_key())) == 1
        assert "sluice users master-key" in at.err


def test_secret_on_the_command_line_is_no_option(at):
    """There is no argument that could hold one; a file must hold exactly two words."""
    assert at.users("link", "ada", "--secret", "x") == 2
    path = at.home / "two"
    path.write_text("one\n")
    assert at.users("link", "ada", "--file", str(path)) == 2
    assert "two lines" in at.err
    path.write_text("\n".join(at.open_key()))
    assert at.users("link", "ada", "--file", str(path)) == 0


def test_rotation_leaves_the_old_file_and_keys_open_under_the_new(at):
    """The new key is in place, the old one kept aside with its id; a second run changes the key again."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    before = at.json("show", "ada")["key"][0]["master_id"]
    assert at.json("rotate") == {"rewrapped": 1, "already": 0}
    assert at.json("show", "ada")["key"][0]["master_id"] != before
    assert (at.home / f"master.key.old-{before}").exists()
    assert at.users("check") == 0


def test_interrupted_rotation_opens_keys_and_is_run_again(at):
    """The new file stands beside the old, nothing was re-wrapped yet: checks pass, the second run ends it."""
    from trading.users.vault import master_from_file, new_master_key, write_master_key

    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    following = at.home / "master.key.next"
    write_master_key(following, new_master_key())
    new_id = master_from_file(following).key_id
    assert at.users("check") == 0
    assert at.json("rotate") == {"rewrapped": 1, "already": 0}
    assert not following.exists()
    assert at.json("show", "ada")["key"][0]["master_id"] == new_id
    assert at.users("check") == 0


def test_symbols_are_written_alike_however_they_are_typed(at):
    """DOGEUSDT, doge_usdt and DOGE/USDT block the same pair; what is no symbol is refused."""
    at.users("set", "ada", "--block", "DOGEUSDT", "--block", "shib_usdt")
    assert at.json("show", "ada")["user"]["blocked"] == ["DOGE/USDT", "SHIB/USDT"]
    assert at.users("set", "ada", "--block", "doge") == 2
    assert "must look like BTC/USDT" in at.err
    at.users("set", "ada", "--block", "none")
    assert at.json("show", "ada")["user"]["blocked"] == []


def test_check_of_somebody_without_a_key_says_how_to_link_one(at):
    """Not a silent pass."""
    assert at.users("check", "ada") == 1
    assert "sluice users link ada" in at.err


def test_wrong_master_key_is_one_sentence(at):
    """Another file in its place: both ids, no traceback."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    (at.home / "master.key").unlink()
    at.users("master-key")
    assert at.users("check") == 1
    assert at.err.count("\n") == 1
    assert "wrong master key: the key of user ada" in at.err
    # No exit could leave: the engine does not even start.
    at.capsys.readouterr()
    assert run(["trade", "--seed", "7", "--for-seconds", "1"]) == 1
    assert "wrong master key: the key of user ada" in at.capsys.readouterr().err


def test_live_needs_own_bound_key_consent_and_the_typed_sentence(at):
    """Each missing thing is named; chosen live, the engine's own refusal is said."""
    assert at.users("mode", "ada", "live") == 1
    assert "own key" in at.err
    at.users("link", "ada", typed=lines(at.open_key()))
    assert at.users("mode", "ada", "live") == 1
    assert "bound" in at.err
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    assert at.users("mode", "ada", "live") == 1
    assert "never accepted" in at.err
    assert at.users("consent", "ada", typed="yes\n") == 2
    assert at.users("consent", "ada", typed="I can lose everything and I accept it\n") == 0
    assert at.users("mode", "ada", "live", typed="yes\n") == 1
    assert at.json("mode", "ada")["mode"] == "paper"
    found = at.json("mode", "ada", "live", typed="trade live with ada\n")
    assert found["mode"] == "live"
    assert found["closed_gate"]["rule"] == "live_off"
    assert "exchange verify --live" in found["closed_gate"]["reason"]
    assert at.json("mode", "ada", "paper")["closed_gate"] is None


def test_live_is_refused_while_another_bot_trades(at):
    """An order that is not ours rests on the account: said, and mode stays paper."""
    from tests.interfaces.foreign import place_foreign

    key, secret = at.open_key()
    at.users("link", "ada", "--ip-bound", typed=lines((key, secret)))
    at.users("consent", "ada", typed="I can lose everything and I accept it\n")
    place_foreign(at.url, key, secret, "AAAUSDT", "SELL", price="200", quantity="1")
    assert at.users("mode", "ada", "live", typed="trade live with ada\n") == 1
    assert "Another bot" in at.err
    assert at.json("mode", "ada")["mode"] == "paper"


def test_everything_has_json(at):
    """Each command prints one document."""
    at.users("link", "ada", "--ip-bound", typed=lines(at.open_key()))
    for arguments in (("list",), ("show", "ada"), ("check",), ("mode", "ada"), ("pause", "ada")):
        assert at.json(*arguments) is not None
    assert at.json("set", "ada", "--capital", "5")["is_enough"] is False
    assert at.json("consent", "ada", "--show")["missing"]
    assert at.json("close-all", "ada", "--yes")["open_positions"] == 0


@pytest.mark.parametrize("asked", [("--quiet", "22:00-07:00"), ("--digest-hour", "8")])
def test_wishes_are_kept_and_it_is_said_who_follows_them(at, asked):
    """The Telegram bot follows quiet hours and digest; a log alone would not."""
    assert at.users("set", "ada", *asked) == 0
    assert "sluice bot run" in at.printed
    kept = at.json("show", "ada")["preferences"]
    assert (kept["quiet_from"], kept["digest_hour"]) in {("22:00", None), (None, 8)}
    assert at.users("set", "ada", asked[0], "none", "--mute", "trade_opened") == 0
    assert at.json("show", "ada")["preferences"]["muted"] == ["trade_opened"]
