"""The extra `ai` may be missing: say so before anything else is done, and how to get it."""

from importlib.util import find_spec

from trading.market.errors import MissingData

PACKAGES = ("jax", "optax", "safetensors")


def require_extra(what: str, packages: tuple[str, ...] = PACKAGES) -> None:
    """Refuse to go on where the extra `ai` is not installed.

    Parameters
    ----------
    what : str
        Who needs it, for the message.
    packages : tuple of str
        What of the extra is needed: asking a model needs safetensors only.

    Raises
    ------
    MissingData
        Naming what is missing and the command that installs it.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingData(
            f"{what} needs the extra `ai`, and {', '.join(missing)} cannot be imported: install it with "
            "`make ai`. Signals by rule, logistic and lightgbm work without it."
        )
