"""Text of the outside world made harmless for a chat: no markup, commands, links or tricks of direction.

Messages are sent as plain text, so HTML and Markdown are only characters. What is left are things that a
client makes clickable by itself (/command, @name, addresses) and characters that turn a line around.
"""

import re
import unicodedata

MOST = 4_096  # characters of one Telegram message, counted in UTF-16 units
CAPTION = 1_024
_JOINER = "\u2060"  # invisible, no space: breaks what a client would make clickable
_COMMAND = re.compile(r"(?<!\w)/(?=\w)")
_ADDRESS = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
_KEPT = frozenset("\n\t")


def harmless(text: str, most: int = MOST, *, is_line: bool = False) -> str:
    """Return `text` fit to be shown.

    Parameters
    ----------
    text : str
        Anything.
    most : int
        Bound in UTF-16 units; a longer text ends with an ellipsis.
    is_line : bool
        Whether line breaks become spaces, as for a headline or a symbol within a message.
    """
    # Bounded before it is worked on: 10 kB of a headline is an attack or a mistake.
    kept = "".join(char for char in text[: 4 * most] if char in _KEPT or _is_shown(char))
    if is_line:
        kept = " ".join(kept.split())
    kept = _COMMAND.sub(f"/{_JOINER}", kept).replace("@", f"@{_JOINER}").replace("://", f":{_JOINER}//")
    return cut(_ADDRESS.sub(f".{_JOINER}", kept), most)


def line(text: object, most: int = 200) -> str:
    """Return something of the outside world as a part of one line."""
    return harmless(str(text), most, is_line=True)


def cut(text: str, most: int = MOST) -> str:
    """Return `text`, shortened with an ellipsis if it has more than `most` UTF-16 units."""
    if units(text) <= most:
        return text
    left = text.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", errors="ignore")
    return f"{left}…"


def units(text: str) -> int:
    """Return the length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _is_shown(char: str) -> bool:
    """Whether a character is neither a control, a format mark (direction, zero width) nor unassigned."""
    return unicodedata.category(char)[0] != "C"
