"""Background tasks that do not die in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from trading.exchange.errors import redact

_LOG = logging.getLogger(__name__)


def start(job: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `job` in the background; an error that ends it is logged, without keys."""
    task = asyncio.get_running_loop().create_task(job, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _LOG.error("%s ended by %s: %s", task.get_name(), type(error).__name__, redact(str(error)))


async def stop(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel these and wait until they have ended."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
