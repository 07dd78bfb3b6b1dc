"""Redis or Valkey as a Dagster resource: here it only carries the ids of signal sets."""

import asyncio

import dagster as dg
import structlog
from redis.exceptions import RedisError

from resources.settings import load_settings
from trading.store.cache import ShardStreams, connect

_log = structlog.get_logger("resources.cache")


class SignalBus(dg.ConfigurableResource[None]):
    """The stream that wakes the engine. The order log is the truth; losing this loses no signal set."""

    world: str = ""

    def announce(self, signal_set_id: str) -> bool:
        """Put the id on the stream; False when Redis is not there (the engine then finds it in SQL)."""
        url = load_settings(self.world).redis_url
        if url is None:
            return False
        try:
            asyncio.run(self._send(url, signal_set_id))
        except RedisError as error:
            # The set stands in SQL already: a missing doorbell must not fail the hand-over.
            _log.warning("signal_set_not_announced", signal_set_id=signal_set_id, error=type(error).__name__)
            return False
        return True

    @staticmethod
    async def _send(url: str, signal_set_id: str) -> None:
        client = connect(url)
        try:
            await ShardStreams(client).add(signal_set_id)
        finally:
            await client.aclose()
