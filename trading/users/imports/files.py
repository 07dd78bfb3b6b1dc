"""CSV and JSON files into raw rows. A file that cannot be read is refused; a bad row is the row's."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from trading.market.errors import BadInput
from trading.users.imports.rows import COLUMNS

MOST_BYTES = 64 * 1024 * 1024


def read_file(path: Path) -> list[dict[str, Any]]:
    """Return the raw rows of a CSV (with a header) or a JSON list of objects, by the file's suffix.

    Raises
    ------
    BadInput
        If it is no such file; the message names what was expected.
    """
    text = text_of(path)
    if path.suffix.lower() == ".json":
        return _json_rows(path, text)
    return list(_csv_rows(path, text))


def text_of(path: Path) -> str:
    """Return a file's text. BadInput if it is missing, too large, or not UTF-8."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path.name} must be at most {MOST_BYTES // 1024**2} MB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is no text in UTF-8") from None


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{path.name} is no JSON: {error.msg}, line {error.lineno}") from None
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        raise BadInput(f"{path.name} must be a JSON list of objects, one per user")
    return raw


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    if "\x00" in text:
        raise BadInput(f"{path.name} is no CSV: it holds NUL bytes")
    reader = csv.DictReader(StringIO(text), strict=True, restkey="too many cells")
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        unknown = sorted(set(names) - set(COLUMNS))
        if "user_id" not in names or unknown:
            problem = f"unknown: {', '.join(unknown)[:200]}" if unknown else "user_id is missing"
            raise BadInput(f"{path.name}: the header must name columns of {', '.join(COLUMNS)}; {problem}")
        reader.fieldnames = names
        yield from reader
    except csv.Error as error:
        raise BadInput(f"{path.name} is no CSV: {error}, near line {reader.line_num}") from None
