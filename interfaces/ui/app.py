"""The application: routes onto pages, their JSON, the pulse, orders to stop; and what errors become."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from interfaces.run.wording import plain
from interfaces.ui import halting, login, vendored
from interfaces.ui.access.guard import LOCAL, Guard
from interfaces.ui.access.limits import Limit
from interfaces.ui.access.sessions import COOKIE
from interfaces.ui.answers import takes_gzip
from interfaces.ui.catalogue import BY_NAME, PAGES, Page
from interfaces.ui.desk import Desk, Login, plain_error
from interfaces.ui.foreign import LONGEST_NAME
from interfaces.ui.pulse import MOST, MOST_OF_ONE
from trading.market.errors import SluiceError

_STATIC = Path(__file__).with_name("static")
_EVENTS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def create_app(desk: Desk, names: Iterable[str] = LOCAL) -> FastAPI:
    """Return the application over one world.

    Parameters
    ----------
    names : iterable of str
        Host names that it answers to.
    """

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await desk.pulse.close()
        desk.close()

    # Its own documentation page would load a script from elsewhere.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(Guard, names=tuple(names))
    app.mount("/static", _Kept(directory=_STATIC), name="static")
    vendored.VENDOR.mkdir(exist_ok=True)
    app.mount("/vendor", _Kept(directory=vendored.VENDOR), name="vendor")
    app.include_router(login.router(desk))
    for page in PAGES:
        app.add_api_route(page.path, _shown(desk, page), methods=["GET"], name=page.name)
    _endpoints(app, desk)
    _errors(app, desk)
    return app


class _Kept(StaticFiles):
    """Files that a browser keeps: their address carries the version of this start."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        answer = super().file_response(*given, **named)
        answer.headers["cache-control"] = "private, max-age=86400"
        return answer


def _shown(desk: Desk, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        desk.session(request)
        version = request.query_params.get("version")
        if version and "version" not in page.asks:
            # An address of the Dagster UI: it means the table as it was then.
            return RedirectResponse(f"/run?version={quote(version, safe='')}", 303)
        asked = _asked(page, request)
        return desk.render(request, f"{page.name}.html", {"page": page, "asked": asked})

    return show


def _asked(page: Page, request: Request) -> dict[str, str]:
    asked = {name: request.query_params.get(name, "") for name in page.asks}
    if any(len(value) > LONGEST_NAME for value in asked.values()):
        raise HTTPException(400, f"a name has at most {LONGEST_NAME} characters")
    return asked


def _endpoints(app: FastAPI, desk: Desk) -> None:
    acts = Limit(20, 60, all_per_minute=240)

    @app.get("/api/{name}")
    async def data(name: str, request: Request) -> Response:
        desk.session(request)
        page = BY_NAME.get(name)
        if page is None:
            raise HTTPException(404, f"no page {plain(name, 40)!r}")
        asked = _asked(page, request)
        question = f"{name}?{'&'.join(f'{key}={value}' for key, value in asked.items())}"
        packed = takes_gzip(request.headers.get("accept-encoding", ""))
        body = await desk.answers.get(
            question, lambda: page.data(desk.world, asked), for_s=page.for_s, packed=packed
        )
        headers = {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if packed else {})
        return Response(body, media_type="application/json", headers=headers)

    @app.get("/events")
    async def events(request: Request) -> Response:
        who = desk.session(request).name
        if not desk.pulse.has_room(who):
            said = f"too many screens follow already: {MOST_OF_ONE} of one account, {MOST} in all"
            raise HTTPException(503, said)
        token = request.cookies.get(COOKIE)
        stream = desk.pulse.follow(lambda: desk.holds(token), who)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_EVENTS)

    @app.post("/orders/{what}")
    async def order(what: str, request: Request) -> Response:
        form = await login.form_of(request)
        session, address = desk.require_own(request, form), desk.address(request)
        told = {name: form[name] for name in ("why", "user", "symbol", "halt_id") if form.get(name)}
        about = {"who": session.name, "role": session.role.value, "address": address}
        try:
            desk.require_operator(request, form)
            _require_pace(acts, session.name)
            wanted = halting.order_of(what, form, by=session.name)
            said = await asyncio.to_thread(halting.carry_out, desk.world.settings, wanted)
        except (SluiceError, HTTPException) as error:
            outcome = error.detail if isinstance(error, HTTPException) else str(error)
            desk.audit.note(plain(what, 40), **about, outcome=f"refused: {outcome}", **told)
            raise
        desk.audit.note(what, **about, outcome=said, **told)
        desk.answers.forget()
        return Response(_json({"said": plain(said, 600)}), media_type="application/json")

    @app.get("/health")
    async def health() -> Response:
        """Say that the server answers: for a supervisor, without a login and without telling anything."""
        return Response(b'{"ok":true}', media_type="application/json")


def _require_pace(acts: Limit, name: str) -> None:
    if acts.take(name) > 0:
        raise HTTPException(429, "too many orders in one minute; nothing was done")


def _errors(app: FastAPI, desk: Desk) -> None:
    def wants_page(request: Request) -> bool:
        return request.method == "GET" and not request.url.path.startswith(("/api/", "/events"))

    def told(request: Request, message: str, status: int) -> Response:
        if wants_page(request):
            return desk.render(request, "error.html", {"said": message, "status": status}, status=status)
        return plain_error(message, status)

    @app.exception_handler(Login)
    async def nobody(request: Request, _error: Login) -> Response:
        return RedirectResponse("/login", 303) if wants_page(request) else plain_error("log in first", 401)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return told(request, plain(error.detail, 400), error.status_code)

    @app.exception_handler(404)
    async def nowhere(request: Request, error: Any) -> Response:
        return told(request, plain(getattr(error, "detail", None) or "no such page", 400), 404)

    @app.exception_handler(SluiceError)
    async def ours(request: Request, error: SluiceError) -> Response:
        return told(request, plain(error, 400), 400)

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> Response:
        # The server logs it with its traceback: Starlette raises it again after this answer.
        return told(request, "that went wrong here; it is in the dashboard's log", 500)


def _json(value: Any) -> bytes:
    from interfaces.ui.answers import to_bytes

    return to_bytes(value)
