"""Where a user's exchange key comes from. Secrets pass through here; nothing keeps or prints them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from trading.market.errors import BadCredentials
from trading.users.user import User


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret; neither shows in repr or str."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def pair(self) -> tuple[str, str]:
        """Key and secret, for the one call that opens an account."""
        return self.api_key, self.secret


class KeyRing(Protocol):
    """Finds the key of a user's account."""

    def credentials(self, user: User) -> Credentials:
        """Return the credentials; BadCredentials if there are none."""
        ...


class DemoKeyRing:
    """Keys of the embedded exchange's demo accounts: ``demo:3`` is account number 3.

    Parameters
    ----------
    derive : callable
        index -> (api key, secret); the caller knows the exchange's seed.
    """

    def __init__(self, derive: Callable[[int], tuple[str, str]]) -> None:
        self._derive = derive

    def credentials(self, user: User) -> Credentials:
        """Return the demo account's credentials."""
        kind, _, number = user.account.partition(":")
        if kind != "demo" or not number.isdigit():
            raise BadCredentials(
                f"account of user {user.user_id} must be demo:<number>, was {user.account!r}"
            )
        return Credentials(*self._derive(int(number)))
