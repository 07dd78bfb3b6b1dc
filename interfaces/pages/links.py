"""The address of a one-time link: for the bot and the command line, without a web framework."""


def address_of(origin: str, code: str) -> str:
    """Return the one-time link that is sent to a user."""
    return f"{origin}/in/{code}"
