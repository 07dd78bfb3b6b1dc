"""In by a one-time link, and out. Looking at the link spends nothing: messengers fetch it for a preview."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from interfaces.pages.desk import LONGEST_S
from interfaces.ui.login import form_of

if TYPE_CHECKING:
    from interfaces.pages.desk import Desk

BAD = "This link is not valid: used before, too old, or replaced by a newer one. Send /link to the bot."
_LONGEST = 64


def router(desk: "Desk") -> APIRouter:
    """Return the routes in and out."""
    routes = APIRouter()

    @routes.get("/in/{code}")
    async def ask(code: str) -> Response:
        # Whether the code is good is not looked up here: the page is the same for every code.
        return desk.render("in.html", {"code": code[:_LONGEST], "title": "Your pages"})

    @routes.post("/in")
    async def enter(request: Request) -> Response:
        form = await form_of(request)
        address = desk.address(request)
        wait_s = desk.entries.peek(address)
        if wait_s > 0:
            answer = desk.render(
                "message.html",
                {"title": "Wait", "refused": f"Too many links that were not valid. Wait {wait_s:.0f} s."},
                status=429,
            )
            answer.headers["retry-after"] = f"{wait_s:.0f}"
            return answer
        user_id = desk.log.page_links.spend(form.get("code", "")[:_LONGEST])
        if user_id is None:
            desk.entries.take(address)
            desk.note("in", None, "***", f"refused: bad link from {address}")
            return desk.render("message.html", {"title": "Not opened", "refused": BAD}, status=403)
        desk.sessions.end(request.cookies.get(desk.cookie))
        desk.note("in", user_id, "***", "done")
        opened = RedirectResponse("/", 303)
        opened.set_cookie(
            desk.cookie,
            desk.begin(user_id),
            max_age=int(LONGEST_S),
            httponly=True,
            samesite="strict",
            secure=desk.is_secure,
        )
        return opened

    @routes.post("/out")
    async def leave(request: Request) -> Response:
        desk.require_own(request, await form_of(request))
        desk.sessions.end(request.cookies.get(desk.cookie))
        told = {
            "title": "Closed",
            "said": "Your pages are closed here. Send /link to the bot for a new link.",
        }
        answer = desk.render("message.html", told)
        answer.delete_cookie(desk.cookie, secure=desk.is_secure, httponly=True, samesite="strict")
        return answer

    return routes
