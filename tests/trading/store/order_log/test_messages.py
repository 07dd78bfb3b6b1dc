"""The queue of messages and the chats, on SQLite and on Postgres."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from trading.market.errors import BadInput
from trading.store.order_log.chats import Asked, Role
from trading.store.order_log.messages import Queued
from trading.store.order_log.records import Event
from trading.store.order_log.schema_messages import bot_audit, chats, messages


def queued(event_id: str, recipient: str = "tg:1", *, urgency: int = 1, due: int = 1_000) -> Queued:
    return Queued(event_id, recipient, "u1", "trade_opened", urgency, "text", 1_000, due)


def test_an_event_is_queued_once_for_each_recipient(log):
    """The key is event and recipient."""
    assert log.messages.add([queued("a"), queued("a", "tg:2")]) == 2
    assert log.messages.add([queued("a"), queued("b")]) == 1


def test_the_most_urgent_goes_first_then_the_oldest(log):
    """Class, then when it is due, then age; who rests is passed over; what is not due is not seen."""
    log.messages.add([queued("late", due=900), queued("fill", due=800), queued("far", due=5_000)])
    log.messages.add([queued("money", "tg:2", urgency=0)])
    assert log.messages.next(1_000).event_id == "money"
    assert log.messages.next(1_000, but=["tg:2"]).event_id == "fill"
    assert log.messages.next(700) is None
    first = log.messages.next(1_000, only="tg:1")
    assert [one.event_id for one in log.messages.companions(first, until_wall_ms=1_000)] == ["late"]


def test_sent_and_dropped_are_not_offered_again(log):
    """Each ends once; a try that failed comes later."""
    log.messages.add([queued("a"), queued("b"), queued("c")])
    one, two, three = (log.messages.next(1_000), *log.messages.companions(
        log.messages.next(1_000), until_wall_ms=1_000))  # fmt: skip
    log.messages.sent([one.seq], "17")
    log.messages.dropped([two.seq], "why")
    log.messages.again([three.seq], 9_000)
    assert log.messages.next(8_999) is None
    assert log.messages.next(9_000).attempts == 1
    assert log.messages.counts() == {"waiting": 1, "sent": 1, "dropped": 1}
    assert log.messages.depth(10_000) == {1: (1, 1.0)}


def test_the_outbox_is_read_from_the_first_start_on(log):
    """What was written before is old news; what is taken in is not seen again."""
    log.outbox.post(Event("old", "u1", "x", {}, 1))
    log.messages.start()
    log.outbox.post(Event("new", "u1", "x", {}, 2))
    log.messages.start()
    found = log.messages.unseen()
    assert [event.event_id for event in found] == ["new"]
    log.messages.add([Queued.nobody(found[0], 1_000)], upto=found[0].seq)
    assert log.messages.unseen() == []
    assert log.messages.next(2_000) is None


def test_a_code_links_one_chat_once_and_its_clear_text_is_not_kept(log):
    """Replayed, mistyped or expired: nothing."""
    code = log.chats.code("u1")
    assert log.chats.link("nonsense", 5) is None
    assert log.chats.link(code, 5, is_group=True) is None
    assert log.chats.link(code, 5).user_id == "u1"
    assert log.chats.link(code, 6) is None
    with log.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT code_sha256 FROM link_codes").scalars().all()
    assert code not in kept
    late = log.chats.code("u1")
    log.chats._wall.at_ms += 15 * 60_000
    assert log.chats.link(late, 7) is None


def test_a_new_chat_of_a_user_takes_the_old_one_s_place(log):
    """A lost phone hears nothing any more."""
    log.chats.link(log.chats.code("u1"), 5)
    log.chats.link(log.chats.code("u1"), 6)
    assert log.chats.of(5) is None
    assert log.chats.of_user("u1").telegram_id == 6
    log.chats.set_active(6, "blocked")
    assert log.chats.of_user("u1") is None


def test_a_user_s_code_names_a_user(log):
    """Only operators and groups may be nobody's."""
    with pytest.raises(BadInput, match="must name the user"):
        log.chats.code(None)
    assert log.chats.link(log.chats.code(None, Role.OPERATOR), 9).role is Role.OPERATOR


def test_a_button_works_once_for_whom_it_was_made_within_its_time(log):
    """Another's press does not spend it."""
    chat = log.chats.link(log.chats.code("u1"), 5)
    button = log.chats.offer(chat, "close_all", {"a": 1})
    with pytest.raises(BadInput, match="somebody else"):
        log.chats.press(button, 6)
    assert log.chats.press(button, 5) == ("close_all", {"a": 1})
    with pytest.raises(BadInput, match="pressed before"):
        log.chats.press(button, 5)
    with pytest.raises(BadInput, match="not known"):
        log.chats.press("guess", 5)
    late = log.chats.offer(chat, "close_all", {})
    log.chats._wall.at_ms += 60_000
    with pytest.raises(BadInput, match="expired"):
        log.chats.press(late, 5)


def test_the_audit_keeps_one_row_for_each_update(log):
    """A repeated update adds none; long arguments are cut."""
    log.chats.note(Asked(1, 77, 5, "u1", "/status", "x" * 10_000, "done"))
    log.chats.note(Asked(2, 77, 5, "u1", "/stop", "", "done"))
    rows = log.chats.audit()
    assert [(row.command, len(row.arguments)) for row in rows] == [("/status", 200)]
    assert log.chats.was_asked(77)
    assert not log.chats.was_asked(78)


def test_who_leaves_takes_messages_and_links_along_and_leaves_the_audit_nameless(log):
    """Texts, chats, codes and buttons are deleted; audit rows stay under the pseudonym."""
    chat = log.chats.link(log.chats.code("u1"), 5)
    log.chats.offer(chat, "x", {})
    log.messages.add([queued("a")])
    log.chats.note(Asked(1, 1, 5, "u1", "/status", "", "done"))
    log.leaving.forget("u1", "left-1")
    with log.database.read() as connection:
        left = [connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in (messages, chats)]
        named = connection.scalar(sa.select(bot_audit.c.user_id))
    assert (left, named) == ([0, 0], "left-1")


def test_who_leaves_is_taken_out_of_what_operators_were_told_and_nobody_else_is(log):
    """`u1` is the beginning of `u12` and of `u1-b`: those keep their names."""
    told = "account of user u1, user u12 and user u1-b: frozen; ask user u1."
    log.messages.add([replace(queued("a", "tg:9"), user_id="operator", text=told)])
    log.leaving.forget("u1", "left-1")
    with log.database.read() as connection:
        text = connection.scalar(sa.select(messages.c.text))
    assert text == "account of user left-1, user u12 and user u1-b: frozen; ask user left-1."


def test_looking_ahead_gives_one_message_a_recipient_in_the_order_of_sending(log):
    """Ten rows of one chat do not fill the view; what rests is left out; all that waits is found by chat."""
    log.messages.add([queued(f"a{i}", due=900 + i) for i in range(10)])
    log.messages.add([queued("b", "tg:2", urgency=0), queued("c", "tg:3")])
    assert [one.event_id for one in log.messages.ahead(1_000)] == ["b", "a0", "c"]
    assert [one.recipient for one in log.messages.ahead(1_000, but=["tg:2"], most=1)] == ["tg:1"]
    waiting = log.messages.waiting_for(["tg:1", "tg:3"], until_wall_ms=905)
    assert [one.event_id for one in waiting] == ["a0", "a1", "a2", "a3", "a4", "a5"]
