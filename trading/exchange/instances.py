"""Account instances in microseconds: what is only read is shared and frozen, what changes is each one's own.

ccxt builds an instance from its whole description, tens of milliseconds and megabytes for each. Here one
template is taken apart once; an account gets references to the frozen tables and new dicts for the rest
(headers, options, caches), so that nothing one account does can show in another's request.
"""

from typing import Any, NoReturn

# The venue's description: read by every request, changed by none.
_DESCRIPTION = frozenset(
    {
        "api", "commonCurrencies", "countries", "ecdsaCurves", "ecdsaPrehashedAlgorithms", "exceptions",
        "features", "fees", "has", "httpExceptions", "limits", "loadedFees", "requiredCredentials",
        "status", "timeframes", "urls",
    }
)  # fmt: skip
# Each account's own, their inner tables shared and frozen; every other dict, list or set begins empty.
_COPIED = frozenset({"options", "headers"})
# Belongs to the template alone: the listing, credentials, what was sent last, and the unused throttler.
_NOT_INHERITED = frozenset(
    {
        "markets", "apiKey", "secret", "throttler", "markets_loading", "last_http_response",
        "last_json_response", "last_response_headers", "last_request_headers", "last_request_body",
        "last_request_url",
    }
)  # fmt: skip


class Frozen(dict[Any, Any]):
    """A dict that many accounts read: writing to it is an error instead of a leak."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this table is shared by all accounts and cannot be changed; replace it as a whole")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __deepcopy__(self, _: object) -> dict[Any, Any]:
        return {key: _copied(value) for key, value in self.items()}


class Prototype:
    """Makes instances that resemble `template` as it is now.

    Parameters
    ----------
    template : object
        A fresh ccxt instance without credentials; later changes to it are not passed on.
    """

    def __init__(self, template: Any) -> None:
        shared: dict[str, Any] = {}
        self._copied: dict[str, Any] = {}
        self._empty: dict[str, type] = {}
        for name, value in vars(template).items():
            if name in _NOT_INHERITED:
                shared[name] = None
            elif name in _DESCRIPTION:
                shared[name] = _frozen(value)
            elif name in _COPIED:
                self._copied[name] = {key: _frozen(inner) for key, inner in value.items()}
            elif isinstance(value, dict | list | set):
                self._empty[name] = type(value)
            else:
                shared[name] = value
        kind = type(template)
        # Attributes of a class of its own: a dict of 160 names in each account would cost 15 kB.
        self._kind = type(kind.__name__, (kind,), {name: _attribute(value) for name, value in shared.items()})

    def make(self, api_key: str, secret: str) -> Any:
        """Return an instance that signs with this key."""
        account: Any = object.__new__(self._kind)
        own = account.__dict__
        for name, value in self._copied.items():
            own[name] = dict(value)
        for name, kind in self._empty.items():
            own[name] = kind()
        account.apiKey = api_key
        account.secret = secret
        return account


def _attribute(value: Any) -> Any:
    """Return what a class must hold so that an instance reads `value` itself, functions unbound."""
    return staticmethod(value) if hasattr(type(value), "__get__") else value


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return Frozen((key, _frozen(inner)) for key, inner in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _copied[T](value: T) -> T:
    """Return a copy that shares no dict or list; three times as fast as `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}  # type: ignore[return-value]  # same kind
    return [_copied(inner) for inner in value] if isinstance(value, list) else value  # type: ignore[return-value]  # as above
