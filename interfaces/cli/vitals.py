"""Signs of life around a world: does the engine beat, do exchange and cache answer. Changes nothing."""

import json
import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resources.settings import Settings

PATIENCE_S = 2.0
# As in trading.execution.run, which is too heavy to import for a name.
HEARTBEAT = "engine.json"
# The engine writes its heartbeat every second or so; after this much silence it is taken for dead.
SILENT_S = 15.0


def engine(settings: "Settings") -> dict[str, Any]:
    """Return the engine's heartbeat: is_running, what it says, and one sentence for people."""
    from trading.market.errors import StoreError

    path = settings.world_dir / HEARTBEAT
    try:
        beat: dict[str, Any] = json.loads(path.read_text())
        age_s = time.time() - beat["wall_ms"] / 1000
        pid = int(beat["pid"])
    except FileNotFoundError:
        return {"is_running": False, "said": "never ran here"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"the engine's heartbeat at {path} cannot be read: {type(error).__name__}"
        ) from error
    if beat.get("state") == "stopped":
        return beat | {"is_running": False, "said": f"stopped in good order {_ago(age_s)}"}
    if not _exists(pid):
        return beat | {"is_running": False, "said": f"process {pid} is gone; it last beat {_ago(age_s)}"}
    if age_s > SILENT_S:
        return beat | {"is_running": False, "said": f"process {pid} is silent; it last beat {_ago(age_s)}"}
    return beat | {"is_running": True, "said": f"runs as process {pid}, beat {_ago(age_s)}"}


def exchange(settings: "Settings") -> dict[str, Any]:
    """Return whether the exchange answers and its market time; `answers` None = no address is set."""
    base_url = settings.exchange.base_url
    if base_url is None:
        return {
            "answers": None,
            "market_ms": None,
            "said": "no address in the settings (run and dev start their own)",
        }
    try:
        url = f"{base_url}/api/v3/time"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 the operator's own setting
            market_ms = int(json.loads(answer.read())["serverTime"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else type(error).__name__
        return {"answers": False, "market_ms": None, "said": f"{base_url} does not answer: {reason}"}
    return {"answers": True, "market_ms": market_ms, "said": f"{base_url} answers"}


def cache(settings: "Settings") -> dict[str, Any]:
    """Return whether Redis answers; `answers` None = none is set and an embedded Valkey is used."""
    if settings.redis_url is None:
        return {"answers": None, "said": "no address in the settings (an embedded Valkey starts by itself)"}
    import redis

    client = redis.Redis.from_url(
        settings.redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    )
    try:
        client.ping()
    except redis.RedisError as error:
        # The library's message may hold the address with its password.
        return {"answers": False, "said": f"does not answer: {type(error).__name__}"}
    finally:
        client.close()
    return {"answers": True, "said": "answers"}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"
