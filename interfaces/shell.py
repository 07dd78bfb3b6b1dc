"""What every self-contained page has in common: head, policy, sections with links, and writing it whole.

What a page tells is made in `interfaces.run`, `interfaces.reports` and `interfaces.xray`.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from trading.market.errors import InTheWay

# Nothing is loaded, nothing runs: even text that slipped through as markup could do nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def head(title: str, style: str, *, policy: str = POLICY, more: str = "") -> str:
    """Return everything before the body: `title` and `more` are HTML already, `style` is CSS."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{more}'
        f"<title>Sluice: {title}</title><style>{style}</style></head>"
    )


def main(filled: Iterable[tuple[str, str, str]]) -> str:
    """Return the main part: a link and a section for each (id, title, HTML), in this order."""
    told = list(filled)
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in told)
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-h"><h2 id="{name}-h">{title}</h2>{content}</section>'
        for name, title, content in told
    )
    return f'<main id="main"><nav aria-label="Sections"><ul>{links}</ul></nav>{body}</main>'


def write_whole(text: str, path: Path) -> Path:
    """Write `text` to `path`, whole or not at all, and return the path.

    Raises
    ------
    BadInput
        If it cannot be written, with the reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InTheWay(f"{path} cannot be written: {error.strerror}") from None
    return path
