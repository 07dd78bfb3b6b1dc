"""The application of users' pages: routes, and what errors become. No route takes a user's id."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import FileResponse, Response

from interfaces.pages import own
from interfaces.pages.audited import audited
from interfaces.pages.desk import Desk, Nobody, Seat
from interfaces.pages.entering import router
from interfaces.pages.verbs import MUTABLE, VERBS, Order, link
from interfaces.run.wording import plain
from interfaces.ui.access.guard import Guard
from interfaces.ui.login import form_of
from trading.market.errors import SluiceError
from trading.users.consent import PHRASE
from trading.users.directory import Directory

_DASHBOARD = Path(__file__).parents[1] / "ui" / "static"
# The dashboard's look; none of its scripts but the one that switches dark and light.
_FILES = {
    "sluice.css": _DASHBOARD / "sluice.css",
    "theme.js": _DASHBOARD / "theme.js",
    "icon.svg": _DASHBOARD / "icon.svg",
    "pages.css": Path(__file__).with_name("static") / "pages.css",
}
SHOWN = {"": "Overview", "trades": "Trades", "key": "Key", "risk": "Risk text", "mode": "Paper or live",
         "settings": "Settings", "leave": "Leave"}  # fmt: skip
_log = logging.getLogger("pages")


def create_app(desk: Desk) -> FastAPI:
    """Return the application over one world."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(Guard, names=tuple(desk.names))
    app.include_router(router(desk))
    for name in SHOWN:
        app.add_api_route(f"/{name}", _shown(desk, name), methods=["GET"], name=f"show {name}")
    for name in VERBS:
        app.add_api_route(f"/{name}", _done(desk, name), methods=["POST"], name=f"do {name}")
    _key(app, desk)
    _rest(app, desk)
    _errors(app, desk)
    return app


def _page(desk: Desk, name: str, seat: Seat, told: dict[str, Any], status: int = 200) -> Response:
    """Return a page with what is so now, and what was said about an order."""
    log, user = desk.log, desk.user(seat.user.user_id)
    if user is None:  # they have just left
        return desk.render("message.html", {"title": "Good-bye"} | told)
    values: dict[str, Any] = {"here": name, "pages": SHOWN, "title": SHOWN[name], "phrase": PHRASE}
    if name == "":
        values |= own.overview(desk.settings, log, user)
    elif name == "trades":
        values |= own.trades_of(log, user)
    else:
        values["standing"] = own.standing(desk.settings, log, user)
    if name == "settings":
        values |= {"wishes": Directory(log).preferences(user.user_id), "kinds": MUTABLE}
        values["blocked"] = sorted(user.blocked)
        values["open_now"] = len(log.ledger.open_trades(user.user_id))
    return desk.render(f"{name or 'overview'}.html", values | told, Seat(seat.session, user), status)


def _shown(desk: Desk, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        seat = desk.seat(request)
        return await asyncio.to_thread(_page, desk, name, seat, {})

    return show


def _done(desk: Desk, name: str) -> Callable[[Request], Awaitable[Response]]:
    verb, page = VERBS[name]

    async def do(request: Request) -> Response:
        form = await form_of(request)
        seat = desk.require_own(request, form)
        _require_pace(desk.acts.take(seat.user.user_id))
        told = audited(form)

        def work() -> Response:
            user_id = seat.user.user_id
            try:
                said = verb(Order(desk.settings, desk.log, seat.user, form))
            except SluiceError as error:
                # Its sentence quotes what was typed, and names the user, whose name goes when they leave.
                desk.note(name, user_id, told, f"refused: {type(error).__name__}")
                return _page(desk, page, seat, {"refused": own.for_users(str(error))}, 400)
            is_gone = desk.user(user_id) is None
            # Who has left is not named again.
            desk.note(name, None if is_gone else user_id, "" if is_gone else told, "done")
            return _page(desk, page, seat, {"said": plain(said, 600)})

        return await asyncio.to_thread(work)

    return do


def _key(app: FastAPI, desk: Desk) -> None:
    proving = asyncio.Semaphore(4)
    busy: set[str] = set()

    @app.post("/key")
    async def paste(request: Request) -> Response:
        form = await form_of(request)
        seat = desk.require_own(request, form)
        user_id = seat.user.user_id
        _require_pace(desk.proofs.take(user_id))
        if user_id in busy:
            raise HTTPException(429, "your key is being proven: wait for it")

        def work() -> Response:
            kind, found = "", None
            try:
                found = link(Order(desk.settings, desk.log, seat.user, form))
            except SluiceError as error:
                desk.note("key", user_id, "***", "refused")
                return _page(desk, "key", seat, {"refused": own.for_users(str(error))}, 400)
            except Exception as error:
                # Its text and its traceback may hold what was pasted: only its kind goes on from here.
                kind = type(error).__name__
            if found is None:
                _log.error("a key could not be proven: %s", kind)
                desk.note("key", user_id, "***", f"failed: {kind}")
                return _page(desk, "key", seat, {"refused": "That went wrong here; nothing was kept."}, 500)
            desk.note("key", user_id, "***", "proven" if found["is_passed"] else "refused by a check")
            said = "said" if found["is_passed"] else "refused"
            return _page(desk, "key", seat, {said: own.for_users(found["said"]), "checks": found["checks"]})

        busy.add(user_id)
        try:
            async with proving:
                return await asyncio.to_thread(work)
        finally:
            busy.discard(user_id)


def _rest(app: FastAPI, desk: Desk) -> None:
    @app.get("/export")
    async def export(request: Request) -> Response:
        from interfaces.cli.users_leave import exported

        seat = desk.seat(request)
        _require_pace(desk.acts.take(seat.user.user_id))
        found = await asyncio.to_thread(exported, desk.settings, desk.log, seat.user.user_id)
        desk.note("export", seat.user.user_id, "", "done")
        kept = {"content-disposition": 'attachment; filename="sluice-export.json"'}
        return Response(json.dumps(found, indent=1, default=str), media_type="application/json", headers=kept)

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        path = _FILES.get(name)
        if path is None:
            raise HTTPException(404, "no such file")
        return FileResponse(path, headers={"cache-control": "private, max-age=86400"})

    @app.get("/health")
    async def health() -> Response:
        """Say that the server answers: for a supervisor or a proxy."""
        return Response(b'{"ok":true}', media_type="application/json")


def _require_pace(wait_s: float) -> None:
    if wait_s > 0:
        raise HTTPException(429, f"too much at once: wait {wait_s:.0f} s; nothing was done")


def _errors(app: FastAPI, desk: Desk) -> None:
    def told(title: str, said: str, status: int) -> Response:
        return desk.render("message.html", {"title": title, "refused": plain(said, 400)}, status=status)

    @app.exception_handler(Nobody)
    async def nobody(_request: Request, _error: Nobody) -> Response:
        return told("Open your pages by a link", "Send /link to the bot: it answers with a new link.", 401)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        return told("Not done", error.detail, error.status_code)

    @app.exception_handler(404)
    async def nowhere(_request: Request, _error: Any) -> Response:
        return told("Not here", "There is no such page.", 404)

    @app.exception_handler(SluiceError)
    async def ours(_request: Request, _error: SluiceError) -> Response:
        # Sentences of the library may name other users or paths; verbs have shown theirs already.
        return told("Not done", "That cannot be done now; try again later.", 400)

    @app.exception_handler(Exception)
    async def broken(_request: Request, _error: Exception) -> Response:
        return told("Not done", "That went wrong here; your operator finds it in the log.", 500)
