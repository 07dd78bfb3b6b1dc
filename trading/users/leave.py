"""Leaving: what a user takes with them, and what remains. Rows of the order log stay, the person does not."""

import secrets
from dataclasses import dataclass

from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL, LEAVE


@dataclass(frozen=True, slots=True)
class Departure:
    """How far somebody is: gone (under `pseudonym`), or waiting for `hindrance`, which the engine ends."""

    pseudonym: str | None
    hindrance: str | None


def begin(log: OrderLog, user_id: str) -> Departure:
    """Remove a user at once if nothing is open; otherwise pause, close, and leave the rest to the engine.

    Raises
    ------
    MissingData
        If there is no such user.
    """
    directory = Directory(log)
    directory.get(user_id)
    directory.pause(user_id)
    hindrance = log.leaving.hindrance(user_id)
    if hindrance is None:
        return Departure(remove(log, user_id), None)
    log.wishes.ask(user_id, CLOSE_ALL)
    log.wishes.ask(user_id, LEAVE)
    return Departure(None, hindrance)


def remove(log: OrderLog, user_id: str) -> str:
    """Take the person out of the log and return the pseudonym; BadInput while something is open."""
    # Random: nothing leads from the pseudonym back to the id.
    pseudonym = f"left-{secrets.token_hex(6)}"
    log.leaving.forget(user_id, pseudonym)
    return pseudonym
