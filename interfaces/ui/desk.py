"""What every route of the dashboard shares: the world, who is there, what was asked, how a page is drawn."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from interfaces.ui import vendored
from interfaces.ui.access.accounts import FILE, Accounts, Role
from interfaces.ui.access.sessions import COOKIE, Session, Sessions
from interfaces.ui.answers import Answers
from interfaces.ui.audit import Audit
from interfaces.ui.beat import beat
from interfaces.ui.catalogue import PAGES
from interfaces.ui.pulse import Pulse
from interfaces.ui.world import World

_TEMPLATES = Path(__file__).with_name("templates")


class Login(Exception):
    """Nobody is logged in: go and log in."""


class Desk:
    """One server's state; `is_secure` where a proxy in front speaks https."""

    def __init__(self, world: World, accounts: Accounts | None = None, *, is_secure: bool = False) -> None:
        self.world = world
        self.accounts = accounts or Accounts(world.settings.home / FILE)
        self.is_secure = is_secure
        self.sessions = Sessions()
        self.answers = Answers()
        self.audit = Audit(world.folder)
        self.pulse = Pulse(lambda: beat(world))
        self.refused_logins = 0
        self.has_charts = not vendored.wrong()
        # A new address for scripts and styles with every start: browsers keep them, and never an old one.
        self.version = secrets.token_hex(4)
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )

    def session(self, request: Request) -> Session:
        """Return who is there. `Login` if nobody is."""
        session = self._standing(self.sessions.get(request.cookies.get(COOKIE)))
        if session is None:
            raise Login
        return session

    def holds(self, token: str | None) -> bool:
        """Whether somebody is still logged in; a screen left open is no use of the session."""
        return self._standing(self.sessions.look(token)) is not None

    def _standing(self, session: Session | None) -> Session | None:
        """Return the session unless its account was changed or removed since it logged in."""
        return session if session is not None and self.accounts.mark(session.name) == session.mark else None

    def require_own(self, request: Request, form: Mapping[str, str]) -> Session:
        """Return who is there if the form came from a page of this session; 403 otherwise."""
        session = self.session(request)
        if not secrets.compare_digest(form.get("csrf", "").encode(), session.csrf.encode()):
            raise HTTPException(403, "this form is not of your session: load the page again")
        return session

    def require_operator(self, request: Request, form: Mapping[str, str]) -> Session:
        """Return an operator, as `require_own`; 403 for a viewer."""
        session = self.require_own(request, form)
        if session.role is not Role.OPERATOR:
            raise HTTPException(403, "only an operator may do that; you are a viewer")
        return session

    def address(self, request: Request) -> str:
        """Return where a request came from."""
        return request.client.host if request.client is not None else "unknown"

    def render(
        self, request: Request, template: str, values: Mapping[str, Any], status: int = 200
    ) -> HTMLResponse:
        """Return a page; everything in `values` is escaped."""
        session = self._standing(self.sessions.get(request.cookies.get(COOKIE)))
        text = self._templates.get_template(template).render(
            pages=[page for page in PAGES if page.is_listed],
            linked=" ".join(page.name for page in PAGES),
            session=session,
            world=self.world.name,
            version=self.version,
            has_charts=self.has_charts,
            path=request.url.path,
            **values,
        )
        return HTMLResponse(text, status)

    def close(self) -> None:
        """Let go of the world."""
        self.world.close()


def plain_error(message: str, status: int) -> Response:
    """Return an error of an endpoint as one JSON sentence."""
    from interfaces.ui.answers import to_bytes

    return Response(to_bytes({"error": message}), status, media_type="application/json")
