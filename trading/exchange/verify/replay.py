"""The whole comparison against one exchange: listing, requests, answers."""

from trading.exchange.verify.answers import answer_all, compare_listing
from trading.exchange.verify.asking import ask_all
from trading.exchange.verify.client import Listener
from trading.exchange.verify.findings import Finding
from trading.exchange.verify.samples import Samples


async def replay_listing(base_url: str, samples: Samples) -> list[Finding]:
    """Compare the exchangeInfo rows that `base_url` serves with the recorded ones."""
    client = Listener(base_url)
    try:
        return await compare_listing(client, samples.rows)
    finally:
        await client.close()


async def replay_calls(base_url: str, samples: Samples, *, api_key: str, secret: str) -> list[Finding]:
    """Ask every recorded request of `base_url` and compare the shapes of recorded answers with its own.

    Places orders: the key must be of a funded account of an exchange where that costs nothing.
    """
    client = Listener(base_url, api_key=api_key, secret=secret)
    try:
        await client.load_markets()
        answers = await answer_all(client, samples.responses)
        return await ask_all(client, samples.requests) + answers
    finally:
        await client.close()
