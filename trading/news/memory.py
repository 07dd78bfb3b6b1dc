"""What each feed's server said of the version it sent last, kept across passes and restarts."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from trading.news.fetch import Validators

_log = structlog.get_logger("news.memory")


def read_memory(path: Path) -> dict[str, Validators]:
    """Return address -> validators; empty where there is no file, or none that can be read.

    A lost memory costs one full reading of each feed and nothing else, so it is never an error.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(url): Validators(_text(said["etag"]), _text(said["last_modified"]))
            for url, said in kept.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("feed_memory_lost", reason=type(error).__name__)
        return {}


def write_memory(path: Path, memory: Mapping[str, Validators]) -> None:
    """Keep `memory`, whole or not at all.

    Call it after the stories have been stored: the other way round, a crash between the two would make the
    server say "not modified" of stories that nobody has.
    """
    kept = {url: {"etag": said.etag, "last_modified": said.last_modified} for url, said in memory.items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(kept, sort_keys=True), encoding="utf-8")
    part.replace(path)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
