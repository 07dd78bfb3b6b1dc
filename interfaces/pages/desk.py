"""What every route of users' pages shares: the log, who is there, how often they may, how pages are drawn."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, time_ns
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from interfaces.run.wording import plain
from interfaces.ui.access.accounts import Role
from interfaces.ui.access.guard import LOCAL
from interfaces.ui.access.limits import Limit
from interfaces.ui.access.sessions import Session, Sessions
from resources.settings import Settings, load_settings
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Asked
from trading.users.directory import Directory
from trading.users.user import User

_TEMPLATES = Path(__file__).with_name("templates")
IDLE_S, LONGEST_S = 3_600.0, 8 * 3_600.0


class Nobody(Exception):
    """No session: a new link is needed."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who is there: their session and themselves, as they are now."""

    session: Session
    user: User


class Desk:
    """One server's state.

    Parameters
    ----------
    settings : Settings
        Of the world that is served; one world for the life of a server.
    origin : str
        Where a proxy serves it to the world; empty = this machine only.
    """

    def __init__(self, settings: Settings, log: OrderLog, *, origin: str = "") -> None:
        self._world = settings.world
        self.log = log
        self.origin = origin
        self.is_secure = origin.startswith("https://")
        # Of this host name alone, and never sent without https: the browser refuses it otherwise.
        self.cookie = "__Host-sluice_own" if self.is_secure else "sluice_own"
        self.sessions = Sessions()
        # Five wrong links at once, then five an hour: whoever guesses is locked out.
        self.entries = Limit(5, 5 / 60, all_per_minute=240)
        self.acts = Limit(20, 30, all_per_minute=1_200)
        self.proofs = Limit(5, 1, all_per_minute=60)
        self.version = secrets.token_hex(4)
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._templates.filters["plain"] = plain

    @property
    def settings(self) -> Settings:
        """Settings as they are now: where the exchange is changes with every start of it."""
        return load_settings(self._world)

    @property
    def names(self) -> list[str]:
        """Host names that are answered to."""
        own = urlsplit(self.origin).hostname
        return [*LOCAL, *([own] if own else [])]

    def begin(self, user_id: str) -> str:
        """Return the token of a new session."""
        return self.sessions.begin(user_id, Role.VIEWER)

    def seat(self, request: Request) -> Seat:
        """Return who is there. `Nobody` without a session, an hour idle, after eight, or who has left."""
        token, now_s = request.cookies.get(self.cookie), monotonic()
        held = self.sessions.look(token)
        if held is None or now_s - held.seen_s > IDLE_S or now_s - held.began_s > LONGEST_S:
            self.sessions.end(token)
            raise Nobody
        session = self.sessions.get(token)
        user = self.user(held.name)
        if session is None or user is None:
            self.sessions.end(token)
            raise Nobody
        return Seat(session, user)

    def user(self, user_id: str) -> User | None:
        """Return a user by id; the library's own sentence for one who is not there names all the others."""
        return Directory(self.log).get(user_id) if self._is_here(user_id) else None

    def _is_here(self, user_id: str) -> bool:
        return any(row["account"] != "left" for row in self.log.accounts.rows(user_id))

    def require_own(self, request: Request, form: Mapping[str, str]) -> Seat:
        """Return who is there if the form came from a page of this session; 403 otherwise."""
        seat = self.seat(request)
        if not secrets.compare_digest(form.get("csrf", "").encode(), seat.session.csrf.encode()):
            raise HTTPException(403, "this form is not of your session: load the page again")
        return seat

    def address(self, request: Request) -> str:
        """Return where a request came from: behind our proxy, the address that the proxy added last."""
        client = request.client.host if request.client is not None else "unknown"
        told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return told if self.origin and told and _is_local(client) and _is_address(told) else client

    def note(self, what: str, user_id: str | None, arguments: str, outcome: str) -> None:
        """Add a row to the audit of Telegram's commands; Telegram counts up from 1, these lie below 0."""
        self.log.chats.note(
            Asked(
                at_wall_ms=time_ns() // 1_000_000,
                update_id=-1 - secrets.randbelow(2**62),
                telegram_id=0,
                user_id=user_id,
                command=f"page {what}"[:60],
                arguments=plain(arguments, 200),
                outcome=plain(outcome, 200),
            )
        )

    def render(
        self, template: str, values: Mapping[str, Any], seat: Seat | None = None, status: int = 200
    ) -> HTMLResponse:
        """Return a page; everything in `values` is escaped."""
        text = self._templates.get_template(template).render(
            **({"said": "", "refused": "", "here": ""} | dict(values)),
            version=self.version,
            csrf="" if seat is None else seat.session.csrf,
            user=None if seat is None else seat.user,
        )
        return HTMLResponse(text, status)

    def close(self) -> None:
        """Let go of the order log."""
        self.log.close()


def _is_local(client: str) -> bool:
    return _is_address(client) and ip_address(client).is_loopback


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
