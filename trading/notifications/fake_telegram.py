"""A Bot API server of our own, for the demo and the tests: what a bot calls, and people who write to it.

Answers getMe, getUpdates (long poll, one poller), sendMessage, sendPhoto, editMessageText,
answerCallbackQuery and a few that a client calls at its start. Under ``/fake/`` a test or a person plays the
other side: write, press, block, ask for 429s, read what arrived and how full the windows of the limits were.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from trading.notifications.fake_limits import Windows

_LONGEST_POLL_S = 50.0
_TEXT, _CAPTION = 4_096, 1_024
_BOT = {"id": 1, "is_bot": True, "first_name": "Sluice", "username": "sluice_fake_bot"}


@dataclass
class Sent:
    """One message that arrived. `at` in seconds of the server's clock; `method` as it was called."""

    message_id: int
    chat: int
    text: str
    at: float
    method: str
    buttons: list[dict[str, str]] = field(default_factory=list)
    photo_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dict(vars(self))


class Refused(Exception):
    """An answer of the Bot API that is not `ok`."""

    def __init__(self, code: int, description: str, **parameters: object) -> None:
        super().__init__(description)
        self.body = {"ok": False, "error_code": code, "description": description}
        if parameters:
            self.body["parameters"] = parameters


class FakeTelegram:
    """The state of the server and its routes.

    Parameters
    ----------
    is_strict : bool
        Whether a message that breaks a limit is answered with 429 (and not delivered), as Telegram does;
        otherwise it is only counted.
    clock : callable
        Seconds; for the windows.
    """

    def __init__(self, *, is_strict: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.sent: list[Sent] = []
        self.windows = Windows()
        self.blocked: set[int] = set()
        self.floods: list[float] = []  # retry_after of the next answers, in order
        self.delay_s = 0.0
        self.polls = 0
        self.pressed: list[dict[str, Any]] = []  # answers to pressed buttons
        self._is_strict = is_strict
        self._clock = clock
        self._updates: list[dict[str, Any]] = []
        self._next_update = 1
        self._is_new = asyncio.Event()
        self._pollers: dict[str, asyncio.Event] = {}

    def app(self) -> web.Application:
        """Return the server as an aiohttp application."""
        app = web.Application(client_max_size=20 * 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        app.router.add_post("/fake/{what}", self._play)
        app.router.add_get("/fake/sent", self._show_sent)
        app.router.add_get("/fake/report", self._report)
        return app

    # --- the other side -------------------------------------------------------------------------

    def say(self, person: int, text: str, chat: int | None = None) -> int:
        """Let a person write `text`, in private or in `chat`; return the update's number."""
        where = person if chat is None else chat
        message = {
            "message_id": self._next_update,
            "date": int(time.time()),
            "chat": _chat(where),
            "from": _person(person),
            "text": text,
        }
        command = text.split(maxsplit=1)[0] if text.startswith("/") else ""
        if command:
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(command)}]
        return self._update({"message": message})

    def press(self, person: int, data: str, message_id: int = 1) -> int:
        """Let a person press the button that carries `data`."""
        message = {"message_id": message_id, "date": int(time.time()), "chat": _chat(person), "from": _BOT}
        query = {
            "id": str(self._next_update),
            "from": _person(person),
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        return self._update({"callback_query": query})

    def _update(self, body: dict[str, Any]) -> int:
        number = self._next_update
        self._next_update += 1
        self._updates.append({"update_id": number} | body)
        self._is_new.set()
        return number

    # --- the Bot API ----------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.Response:
        values = await _values(request)
        method, token = request.match_info["method"].lower(), request.match_info["token"]
        try:
            if method == "getupdates":
                return _ok(await self._get_updates(token, values))
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            return _ok(self._answer(method, values))
        except Refused as refused:
            return web.json_response(refused.body, status=int(str(refused.body["error_code"])))

    def _answer(self, method: str, values: dict[str, Any]) -> Any:
        match method:
            case "getme":
                return _BOT | {"can_join_groups": True}
            case "sendmessage" | "editmessagetext":
                return self._take(method, values, str(values.get("text", "")), _TEXT)
            case "sendphoto":
                return self._take(method, values, str(values.get("caption", "")), _CAPTION)
            case "answercallbackquery":
                self.pressed.append(values)
                return True
            case "deletewebhook" | "setmycommands" | "sendchataction" | "logout" | "close":
                return True
        raise Refused(404, "Not Found: method not found")

    def _take(self, method: str, values: dict[str, Any], text: str, most: int) -> dict[str, Any]:
        try:
            chat = int(values["chat_id"])
        except (KeyError, ValueError):
            raise Refused(400, "Bad Request: chat not found") from None
        if self.floods:
            wait = self.floods.pop(0)
            raise Refused(429, f"Too Many Requests: retry after {wait:g}", retry_after=int(wait))
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if len(text.encode("utf-16-le")) // 2 > most:
            raise Refused(400, "Bad Request: message is too long")
        if not text and method != "sendphoto":
            raise Refused(400, "Bad Request: message text is empty")
        at = self._clock()
        wait_s = self.windows.arrived(chat, at)
        if wait_s is not None and self._is_strict:
            raise Refused(429, f"Too Many Requests: retry after {wait_s:g}", retry_after=int(wait_s))
        kept = Sent(len(self.sent) + 1, chat, text, at, method, _buttons(values), values.get("_photo", 0))
        self.sent.append(kept)
        return {
            "message_id": kept.message_id,
            "date": int(time.time()),
            "chat": _chat(chat),
            "from": _BOT,
            "text": text,
        }

    async def _get_updates(self, token: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        # As Telegram does: a newer poll of the same token ends the older one.
        ended = asyncio.Event()
        if (older := self._pollers.get(token)) is not None:
            older.set()
            self._is_new.set()
        self._pollers[token] = ended
        self.polls += 1
        try:
            return await self._wait_for_updates(values, ended)
        finally:
            if self._pollers.get(token) is ended:
                del self._pollers[token]

    async def _wait_for_updates(self, values: dict[str, Any], ended: asyncio.Event) -> list[dict[str, Any]]:
        offset, wait = int(values.get("offset") or 0), float(values.get("timeout") or 0)
        until = self._clock() + min(wait, _LONGEST_POLL_S)
        self._updates = [one for one in self._updates if one["update_id"] >= offset]
        while not self._updates and self._clock() < until and not ended.is_set():
            self._is_new.clear()
            try:
                await asyncio.wait_for(self._is_new.wait(), max(0.01, until - self._clock()))
            except TimeoutError:
                break
        if ended.is_set():
            raise Refused(409, "Conflict: terminated by other getUpdates request")
        return self._updates[: int(values.get("limit") or 100)]

    # --- /fake/ ---------------------------------------------------------------------------------

    async def _play(self, request: web.Request) -> web.Response:
        values = await _values(request)
        person = int(values.get("person", 0))
        match request.match_info["what"]:
            case "say":
                chat = values.get("chat")
                return _ok(self.say(person, str(values["text"]), None if chat is None else int(chat)))
            case "press":
                return _ok(self.press(person, str(values["data"]), int(values.get("message_id", 1))))
            case "block":
                self.blocked.add(person)
            case "unblock":
                self.blocked.discard(person)
            case "flood":
                self.floods += [float(values.get("retry_after", 1))] * int(values.get("times", 1))
            case what:
                raise web.HTTPNotFound(text=f"no {what}: say, press, block, unblock, flood")
        return _ok(True)

    async def _show_sent(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since", 0))
        return _ok([one.as_dict() for one in self.sent[since:]])

    async def _report(self, _request: web.Request) -> web.Response:
        return _ok(self.report())

    def report(self) -> dict[str, Any]:
        """Return how many messages arrived and how full the windows were; `breaks` should be empty."""
        seen = self.windows
        return {
            "sent": len(self.sent),
            "most_per_second": seen.most_per_second,
            "most_per_minute_of_a_group": seen.most_per_minute_of_a_group,
            "shortest_gap_s": seen.shortest_gap_s,
            "breaks": seen.breaks,
        }


def _chat(number: int) -> dict[str, Any]:
    return {"id": number, "type": "private"} if number > 0 else {"id": number, "type": "group", "title": "g"}


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": f"Person {number}"}


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _buttons(values: dict[str, Any]) -> list[dict[str, str]]:
    raw = values.get("reply_markup")
    if not raw:
        return []
    markup = json.loads(raw) if isinstance(raw, str) else raw
    return [button for row in markup.get("inline_keyboard", []) for button in row]


async def _values(request: web.Request) -> dict[str, Any]:
    """Return what was sent: query, JSON, form; of a file only its size, as ``_photo``."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        return values | dict(await request.json())
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            values["_photo"] = len(value.file.read())
        else:
            values[name] = value
    return values
