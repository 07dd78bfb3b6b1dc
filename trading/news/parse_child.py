"""The inside of the parser's process: limits itself, then answers one feed after the other on its pipes.

Started by `trading.news.parser` and by nobody else. It can write no file, and opens none.
"""

import resource
import sys

import orjson

from trading.news.feeds import parse_feed
from trading.news.fetch import FeedRefused

_LENGTH = 4


def main(cpu_s: int, memory_bytes: int) -> None:
    """Read bodies, each after its length, and write the items as JSON, until the input ends."""
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    while len(head := sys.stdin.buffer.read(_LENGTH)) == _LENGTH:
        body = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        spent = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + 1 + cpu_s, soft_only=True)
        answer = orjson.dumps(_parse(body))
        sys.stdout.buffer.write(len(answer).to_bytes(_LENGTH, "big") + answer)
        sys.stdout.buffer.flush()


def _limit(which: int, value: int, *, soft_only: bool = False) -> None:
    hard = resource.getrlimit(which)[1]
    try:
        resource.setrlimit(which, (value, hard if soft_only else value))
    except (ValueError, OSError):
        return  # this system has a lower one, or none of this kind; the parent's clock still stands


def _parse(body: bytes) -> dict[str, object]:
    try:
        items = parse_feed("", body)
    except FeedRefused as refusal:
        return {"refused": str(refusal)}
    except (MemoryError, RecursionError) as error:
        return {"refused": f"could not be parsed: {type(error).__name__}"}
    except Exception as error:  # whatever a third-party parser makes of hostile bytes
        return {"refused": f"could not be parsed: {type(error).__name__}"}
    return {
        "items": [
            [
                _sound(item.guid),
                _sound(item.title),
                _sound(item.link),
                None if item.published is None else int(item.published.timestamp() * 1000),
                _sound(item.summary),
            ]
            for item in items
        ]
    }


def _sound(text: str | None) -> str | None:
    # Half a surrogate pair cannot leave as UTF-8.
    return None if text is None else text.encode("utf-8", "replace").decode()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
