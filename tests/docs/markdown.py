"""Commands and files as a Markdown page shows them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_STARTS = ("make ", ".venv/bin/", "mkdir ", "SLUICE_", "DAGSTER_HOME=")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page asks its reader to do: a command to type, or a file to save (`text` is its content)."""

    page: str
    text: str
    file: str = ""


def steps(page: str) -> list[Shown]:
    """Return, in order, the commands of a page's `sh` blocks and the files of its `toml` blocks.

    A file's first line is a comment with its path. Lines that end in a backslash go on.
    """
    found = []
    for language, block in _FENCE.findall((ROOT / page).read_text()):
        named = re.match(r"# ((?:my|trading)/\S+)\n", block)
        if named:
            found.append(Shown(page, block, named.group(1)))
        elif language == "sh":
            joined = re.sub(r"\\\n\s*", " ", block)
            found += [Shown(page, command) for line in joined.splitlines() if (command := uncommented(line))]
    return found


def spoken(page: str) -> list[Shown]:
    """Return the commands in code spans of a page's text and tables."""
    text = _FENCE.sub("", (ROOT / page).read_text())
    return [Shown(page, span) for span in re.findall(r"`([^`\n]+)`", text) if span.startswith(_STARTS)]


def uncommented(line: str) -> str:
    """Return a shell line without the comment at its end."""
    return re.sub(r"(^|\s+)#.*", "", line).strip()
