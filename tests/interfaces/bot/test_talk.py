"""Who may ask what, and what a hostile or hasty person can cause."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from interfaces.bot.commands import registry
from interfaces.bot.figures import short
from interfaces.bot.talk import Incoming
from tests.trading.notifications.test_plain import HOSTILE
from trading.notifications.plain import units
from trading.store.order_log.chats import Role
from trading.users.directory import Directory


def test_a_stranger_is_told_how_to_link_once_a_minute_and_gets_nothing_else(talking):
    """No command works without a link; silence after the first answer."""
    assert "not linked" in talking.say(77, "/status").text
    assert talking.say(77, "/forceexit all") is None
    assert "not linked" in talking.say(77, "/status", later=60).text


def test_a_code_links_and_cannot_be_replayed(talking):
    """The second use, by anybody, is refused; the code is not in the audit."""
    code = talking.log.chats.code(talking.user)
    assert "Linked as" in talking.say(5, f"/link {code}").text
    assert "not valid" in talking.say(6, f"/link {code}").text
    assert talking.log.chats.of(6) is None
    assert not any(code in row.arguments for row in talking.log.chats.audit())


def test_guessing_codes_is_stopped_after_five_tries(talking):
    """Five, then one in twelve minutes; a right code does not work either then."""
    for _ in range(5):
        talking.say(5, "/link guess")
    right = talking.log.chats.code(talking.user)
    talking.say(5, f"/link {right}")
    assert talking.log.chats.of(5) is None


def test_commands_are_taken_in_private_only(talking):
    """In a group the linked user is refused, also with the bot's name behind the command."""
    assert "private chat" in talking.say(1, "/stop@sluice_fake_bot", chat=-100).text
    assert Directory(talking.log).get(talking.user).is_paused is False


def test_a_group_is_linked_by_a_group_s_code_only_and_hears_alerts(talking):
    """A user's code typed into a group links nobody."""
    assert "not valid" in talking.say(1, f"/link {talking.log.chats.code(talking.user)}", chat=-5).text
    assert "group" in talking.say(900, f"/link {talking.log.chats.code(None, Role.GROUP)}", chat=-5).text
    assert talking.log.chats.of(-5).role is Role.GROUP


def test_what_no_command_took_is_not_kept(talking):
    """A mistyped `/link` carries a code, a pasted key is no command: the audit says only that it came."""
    talking.say(1, "/lnk SECRETCODE")
    talking.say(1, "mx0pastedkey pastedsecret")
    rows = talking.log.chats.audit(2)
    assert {row.outcome for row in rows} == {"refused: no such command"}
    assert not any("SECRET" in row.arguments or "pasted" in row.arguments for row in rows)


def test_a_user_is_no_operator(talking):
    """Every operator's command is refused to a user, and the refusal is a row."""
    for command in registry().commands:
        if command.role is Role.OPERATOR:
            assert talking.say(1, f"/{command.name} all x").text == "Only operators may ask that."
    assert talking.log.chats.audit()[0].outcome == "refused: operators only"


def test_stop_and_start_pause_and_resume_as_the_command_line_does(talking):
    """The same flag that `sluice users pause` sets."""
    talking.say(1, "/stopbuy")
    assert Directory(talking.log).get(talking.user).is_paused is True
    talking.say(1, "/start")
    assert Directory(talking.log).get(talking.user).is_paused is False


def test_selling_everything_takes_a_button_of_one_s_own_within_a_minute(talking, monkeypatch):
    """Another's press, a replayed press and a late press sell nothing; the right one asks the engine once."""
    trade = talking.log.ledger.all_trades(talking.user)[0]
    monkeypatch.setattr(talking.log.ledger, "open_trades", lambda *_: [replace(trade, is_closed=False)])
    talking.say(1, "/forceexit all")
    late = talking.buttons["Sell everything"]
    talking.wall.advance(60_000)
    assert "expired" in talking.press(1, late).text
    talking.say(1, "/fx all")
    button = talking.buttons["Sell everything"]
    assert "somebody else" in talking.press(900, button).text
    assert "linked people" in talking.press(4_444, button).text
    assert talking.log.wishes.open_requests() == []
    assert "asked" in talking.press(1, button).text
    assert "pressed before" in talking.press(1, button).text
    assert [one.kind for one in talking.log.wishes.open_requests()] == ["close_all"]
    assert talking.log.chats.audit(1)[0].outcome.startswith("refused")


def test_one_trade_is_sold_by_a_button_of_one_s_own(talking, monkeypatch):
    """Alone it shows a button per open trade; a pair or id asks first; the press asks the engine."""
    trade = replace(talking.log.ledger.all_trades(talking.user)[0], is_closed=False)
    monkeypatch.setattr(talking.log.ledger, "open_trades", lambda *_: [trade])
    monkeypatch.setattr(talking.log.ledger, "all_trades", lambda *_: [trade])
    name = f"Sell {trade.symbol} {short(trade.trade_id)}"
    assert "which one" in talking.say(1, "/forceexit").text
    assert name in talking.buttons
    assert "no single trade of yours" in talking.say(1, "/fx nonsense").text
    assert trade.symbol in talking.say(1, f"/fx {trade.symbol.split('/')[0].lower()}").text
    assert trade.symbol in talking.say(1, f"/fx {short(trade.trade_id)}").text
    button = talking.buttons[name]
    assert "somebody else" in talking.press(900, button).text
    assert talking.log.wishes.open_requests() == []
    assert "will be sold" in talking.press(1, button).text
    assert [one.kind for one in talking.log.wishes.open_requests()] == [f"close_trade:{trade.trade_id}"]
    assert not Directory(talking.log).get(talking.user).is_paused


def test_risk_is_changed_by_a_button_and_bounded(talking):
    """1% is 0.01; 200 % is refused."""
    talking.say(1, "/risk 2%")
    assert "0.02" in talking.press(1, talking.buttons["Set it"]).text
    assert str(Directory(talking.log).get(talking.user).risk_per_trade) == "0.02"
    assert "between 0 and 1" in talking.say(1, "/risk 2").text
    assert "must be a number" in talking.say(1, "/risk NaN?").text


def test_leaving_removes_person_chat_and_names_in_the_audit(talking):
    """After the button nobody is linked, and no row of the audit names them or their Telegram id."""
    user = talking.user
    talking.say(1, "/status")
    talking.say(1, "/leave")
    assert "removed" in talking.press(1, talking.buttons["Leave for good"]).text
    assert talking.log.chats.of(1) is None
    assert not [row for row in talking.log.chats.audit() if row.user_id == user or row.telegram_id == 1]


def test_a_repeated_update_does_nothing_twice(talking):
    """Telegram sends an update again that was not confirmed before a crash."""
    update = Incoming(9_001, 1, 1, True, text="/stop")
    talking.seconds += 60
    assert talking.talk.handle(update) is not None
    talking.say(1, "/start")
    assert talking.talk.handle(update) is None
    assert Directory(talking.log).get(talking.user).is_paused is False


def test_a_flood_is_bounded_in_answers_and_in_rows(talking):
    """1,000 commands at once: ten are answered, one warning, eleven rows; others are served meanwhile."""
    talking.seconds += 600
    before = len(talking.log.chats.audit(5_000))
    answers = [talking.say(1, "/ping", later=0) for _ in range(1_000)]
    assert sum(answer is not None for answer in answers) == 11
    assert len(talking.log.chats.audit(5_000)) - before == 11
    assert talking.say(900, "/ping", later=0).text == "here"


def test_an_operator_stops_all_entries_and_lifts_it(talking):
    """Halt, button, audit, unlock, button."""
    talking.say(900, "/halt all prices look odd")
    assert "placed" in talking.press(900, talking.buttons["Stop entries"]).text
    halt = talking.log.halts.active()[0]
    assert (halt.kind.value, halt.placed_by, halt.why) == ("stop_entries", "telegram:900", "prices look odd")
    talking.say(900, f"/unlock {halt.halt_id}")
    assert "lifted" in talking.press(900, talking.buttons["Lift"]).text
    assert talking.log.halts.active() == []


def test_a_halt_of_a_user_who_is_not_there_is_refused_before_the_button(talking):
    """A misspelt name would stop nobody, and say that it did."""
    answer = talking.say(900, "/halt nobody odd orders")
    assert ("no user 'nobody'" in answer.text, answer.buttons) == (True, ())
    assert talking.say(900, f"/halt {talking.user} odd orders").buttons


def test_a_user_cannot_press_an_operator_s_action_even_with_a_button_of_their_own(talking):
    """The role is asked again when the button is pressed: somebody may have lost it."""
    chat = talking.log.chats.of(1)
    forged = talking.log.chats.offer(chat, "halt", {"kind": "freeze", "scope": "fleet", "why": "x"})
    assert "only operators" in talking.press(1, f"b:{forged}").text
    assert talking.log.halts.active() == []


def test_a_broadcast_is_previewed_counted_confirmed_and_reported(talking):
    """All, live users, holders; a prepared text; its report."""
    told = talking.say(900, "/broadcast all !maintenance").text
    assert "To 1 people" in told
    assert "being updated" in told
    assert "1 messages queued" in talking.press(900, talking.buttons["Send"]).text
    name = talking.log.messages.next(talking.wall.now_ms()).event_id
    assert "0 of 1 sent, 1 waiting" in talking.say(900, f"/delivery {name}").text
    assert "nobody would hear" in talking.say(900, "/broadcast live hello").text
    assert "nobody would hear" in talking.say(900, "/broadcast ZZZ/USDT hello").text
    assert "must be all" in talking.say(900, "/broadcast everybody hello").text
    assert "no prepared text" in talking.say(900, "/broadcast all !nothing").text


@pytest.mark.parametrize("command", [one.name for one in registry().commands])
def test_every_command_answers_in_a_world_with_one_trade(talking, command):
    """No command fails: each answers, or says in one sentence what is missing."""
    who = 900 if registry().find(command).role is Role.OPERATOR else 1
    for words in ("AAA/USDT",) if command == "xray" else ("", "AAA/USDT", "5", "x" * 4_000):
        answer = talking.say(who, f"/{command} {words}")
        assert answer.text
        assert "went wrong" not in answer.text
        assert units(answer.text) <= 4_096


@how(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    command=st.sampled_from([f"/{one.name} " for one in registry().commands] + ["", "/", "/nothing "]),
    words=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)),
    person=st.sampled_from([1, 900, 55]),
)
def test_whatever_is_written_the_answer_is_plain_and_bounded(talking, command, words, person):
    """HTML, Markdown, marks of direction, 10 kB: no failure, no control character, no more than a message."""
    answer = talking.say(person, command + words, later=60)
    if answer is not None:
        assert units(answer.text) <= 4_096
        assert "went wrong" not in answer.text
        assert not set(answer.text) & set("\u202e\u2066\u200f\x00\x1b")


@given(data=st.text(max_size=200))
@how(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_made_up_button_does_nothing(talking, data):
    """What a client sends as a button's data is foreign, too."""
    talking.seconds += 60
    assert "button" in talking.press(1, data).text


def test_link_without_a_code_answers_with_a_link_to_ones_own_pages(talking):
    """In private, for who is linked, five an hour; nothing of it in the audit; never in a group."""
    talking.talk._settings = talking.settings.model_copy(update={"public_origin": "https://my.example"})
    text = talking.say(1, "/link").text
    code = text.split("https://my.example/in/")[1].split()[0]
    assert talking.log.page_links.spend(code) == talking.user
    assert "code" in talking.say(2, "/link").text
    assert "/in/" not in talking.say(1, "/link", chat=-5).text
    assert ["/in/" in talking.say(1, "/link").text for _ in range(5)].count(True) <= 4
    assert code not in str(talking.log.chats.audit())
