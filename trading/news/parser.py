"""Feeds parsed in a process of their own, within memory, CPU and wall-clock limits. Inside: `parse_child`.

Feeds are hostile input to third-party parsers. What one of them does to the process that parses it ends
with that process: the next feed gets a new one. One process serves a whole pass: imports are paid once.
"""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import orjson

from trading.news.feeds import RawItem
from trading.news.fetch import FeedRefused

_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = 4
_MOST_ANSWER = 8_000_000


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What parsing one feed may cost: wall seconds, CPU seconds, bytes of address space in all."""

    wall_s: float = 20.0
    cpu_s: int = 10
    memory_bytes: int = 768_000_000


class FeedParser:
    """Parses feeds; a context manager, which ends its process. The process starts with the first feed.

    Examples
    --------
    >>> with FeedParser() as parse:
    ...     parse("none", b"<html></html>")
    Traceback (most recent call last):
    ...
    trading.news.fetch.FeedRefused: is no RSS or Atom feed
    """

    def __init__(self, limits: ParseLimits | None = None) -> None:
        self._limits = limits or ParseLimits()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start nothing yet: a pass of unchanged feeds needs no parser."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def __call__(self, name: str, body: bytes) -> list[RawItem]:
        """Return the items of a feed, as `trading.news.feeds.parse_feed`.

        Raises
        ------
        FeedRefused
            If the body is no feed, or parsing it went beyond a limit.
        """
        child = self._child or self._start()
        watchdog = threading.Timer(self._limits.wall_s, child.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            said = _ask(child, body)
        except (OSError, EOFError, ValueError):
            said = None
        finally:
            watchdog.cancel()
        if said is None:
            self._end()
            limits = self._limits
            raise FeedRefused(
                f"could not be parsed within {limits.wall_s:g} s, {limits.cpu_s} CPU-s "
                f"and {limits.memory_bytes // 1_000_000:,} MB"
            )
        if "refused" in said:
            raise FeedRefused(str(said["refused"]))
        return [_item(name, values) for values in said["items"]]

    def _start(self) -> subprocess.Popen[bytes]:
        limits = [str(self._limits.cpu_s), str(self._limits.memory_bytes)]
        # No variable of ours goes along: keys and addresses are no business of a parser.
        environment = {"PYTHONPATH": str(_ROOT), "PATH": os.defpath, "PYTHONUTF8": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "trading.news.parse_child", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
        )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still buffered for a dead process
        child.wait()


def _ask(child: subprocess.Popen[bytes], body: bytes) -> dict[str, list[list[str | int | None]]]:
    if child.stdin is None or child.stdout is None:
        raise EOFError
    child.stdin.write(len(body).to_bytes(_LENGTH, "big") + body)
    child.stdin.flush()
    length = int.from_bytes(_exactly(child, _LENGTH), "big")
    if length > _MOST_ANSWER:
        raise ValueError(length)
    found: dict[str, list[list[str | int | None]]] = orjson.loads(_exactly(child, length))
    return found


def _exactly(child: subprocess.Popen[bytes], count: int) -> bytes:
    data = b"" if child.stdout is None else child.stdout.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _item(name: str, values: list[str | int | None]) -> RawItem:
    guid, title, link, published_ms, summary = values
    published = None if published_ms is None else datetime.fromtimestamp(int(published_ms) / 1000, UTC)
    return RawItem(
        name,
        None if guid is None else str(guid),
        str(title),
        None if link is None else str(link),
        published,
        str(summary),
    )
