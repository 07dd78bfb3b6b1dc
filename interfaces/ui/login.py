"""Logging in and out: one form, one use, limited tries; the same sentence whatever was wrong."""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from interfaces.ui.access.limits import Limit
from interfaces.ui.access.sessions import COOKIE, FORM_S, LONGEST_S, Forms

if TYPE_CHECKING:
    from interfaces.ui.desk import Desk

FORM_COOKIE = "sluice_form"
WRONG = "Name or password is wrong, or the form was too old. Try again."
_LONGEST = 200


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an urlencoded form, each cut at a length that no field of ours reaches."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HTTPException(400, "that form could not be read") from None
    return {name[:40]: values[0][:1_000] for name, values in fields.items()}


def router(desk: "Desk") -> APIRouter:
    """Return the routes of login and logout."""
    routes = APIRouter()
    forms, limit, hashing = Forms(), Limit(5, 10, all_per_minute=60), asyncio.Semaphore(2)

    def shown(request: Request, said: str = "", status: int = 200) -> Response:
        stamp = forms.make()
        answer = desk.render(request, "login.html", {"stamp": stamp, "said": said}, status=status)
        answer.set_cookie(
            FORM_COOKIE, stamp, max_age=int(FORM_S), httponly=True, samesite="strict", secure=desk.is_secure
        )
        return answer

    @routes.get("/login")
    async def ask(request: Request) -> Response:
        return shown(request)

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        address = desk.address(request)
        wait_s = limit.take(address)
        if wait_s > 0:
            desk.refused_logins += 1
            answer = shown(request, f"Too many tries. Wait {wait_s:.0f} s.", 429)
            answer.headers["retry-after"] = f"{wait_s:.0f}"
            return answer
        fields = await form_of(request)
        name, password = fields.get("name", "")[:_LONGEST], fields.get("password", "")
        is_fresh = forms.take(fields.get("stamp", ""), request.cookies.get(FORM_COOKIE))
        role, mark = None, ""
        if is_fresh:
            # Each try takes 16 MB and a core for a moment: two at a time.
            async with hashing:
                mark = desk.accounts.mark(name)
                role = await asyncio.to_thread(desk.accounts.check, name, password)
        outcome = "in" if role is not None else "wrong" if is_fresh else "old or repeated form"
        desk.audit.note("login", who=name, role=str(role or "none"), address=address, outcome=outcome)
        if role is None:
            return shown(request, WRONG, 403)
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/", 303)
        _keep(answer, desk.sessions.begin(name, role, mark), is_secure=desk.is_secure)
        answer.delete_cookie(FORM_COOKIE)
        return answer

    @routes.post("/logout")
    async def log_out(request: Request) -> Response:
        desk.require_own(request, await form_of(request))
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    return routes


def _keep(answer: Any, token: str, *, is_secure: bool) -> None:
    answer.set_cookie(
        COOKIE, token, max_age=int(LONGEST_S), httponly=True, samesite="strict", secure=is_secure
    )
