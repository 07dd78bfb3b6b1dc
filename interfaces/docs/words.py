"""Text for Markdown tables, and what comments and docstrings of the code say. Knows no page."""

import ast
import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; what would break a row is escaped."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    """Return `value` as one cell: one line, no bars, no markup by accident."""
    return plain(str(value)).replace("|", "\\|")


def plain(text: str) -> str:
    """Return `text` on one line with its code spans as they are and nothing else read as markup."""
    spans = " ".join(text.split()).replace("``", "`").split("`")
    return "`".join(each if at % 2 else re.sub(r"[<*_]", r"\\\g<0>", each) for at, each in enumerate(spans))


def parameters(docstring: str) -> dict[str, str]:
    """Return name -> text of the "Parameters" section of a numpy docstring, at any indentation."""
    texts: dict[str, str] = {}
    names: list[str] = []
    section = re.split(r"\n\s*Parameters\n\s*-+\n", docstring, maxsplit=1)
    if len(section) == 1:
        return {}
    lines = re.split(r"\n\s*\w[\w ]*\n\s*-{3,}\n", section[1])[0].expandtabs().splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < margin:
            break
        head = re.match(r"([a-z_0-9, ]+?) : ", line.strip())
        if head and indent == margin:
            names = head.group(1).split(", ")
        elif line.strip():
            for name in names:
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
    return texts


def comments_above(path: Path) -> dict[str, str]:
    """Return name -> the comment block right above its assignment at the top level of a module."""
    text = path.read_text()
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        name = targets[0].id if isinstance(targets[0], ast.Name) else ""
        block: list[str] = []
        at = node.lineno - 2
        while name and at >= 0 and lines[at].startswith("# "):
            block.insert(0, lines[at][2:])
            at -= 1
        if name:
            found[name] = " ".join(block)
    return found


def comments_beside(path: Path, pattern: str) -> dict[tuple[int, str], str]:
    """Return (line, name) -> the comment at the end of each line that `pattern` finds a name in."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.search(pattern, line)
        if match and "  # " in line:
            found[number, match.group(1)] = line.split("  # ", 1)[1]
    return found
