"""How fast does the venue let us ask? A ramp of the lightest request that ends at the first refusal."""

import asyncio
import math

import aiohttp

from trading.exchange.errors import redact
from trading.exchange.verify.record import Answer

# The highest claim anybody makes is 50 a second (see docs/reference/exchange-traps.md).
RATES = (10, 20, 30, 40, 50, 60)
STEP_S = 2.0
_TELLING = ("limit", "weight", "retry")
_Reply = tuple[int, dict[str, str], str]


async def measure_pace(
    base_url: str, *, rates: tuple[int, ...] = RATES, step_s: float = STEP_S
) -> list[Answer]:
    """Return one answer per step of the ramp; stops after the first step with a refusal.

    One refusal is no ban on MEXC; going on would earn one. Requests of a step leave on time, whatever the
    round trip.
    """
    answers: list[Answer] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for rate in rates:
            replies = await _step(session, f"{base_url.rstrip('/')}/api/v3/time", rate, step_s)
            answers.append(_answer(replies, rate, step_s))
            if answers[-1].status != 200:
                break
    return answers


async def _step(session: aiohttp.ClientSession, url: str, rate: int, step_s: float) -> list[_Reply]:
    async def ask(after_s: float) -> _Reply:
        await asyncio.sleep(after_s)
        try:
            async with session.get(url) as response:
                return response.status, dict(response.headers), redact(await response.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, {}, type(error).__name__

    return await asyncio.gather(*(ask(number / rate) for number in range(math.ceil(rate * step_s))))


def _answer(replies: list[_Reply], rate: int, step_s: float) -> Answer:
    asked = f"GET time, {rate} a second for {step_s:g} s"
    told = {k: v for _, headers, _ in replies for k, v in headers.items() if _is_telling(k)}
    headers = ", ".join(f"{name}: {value}" for name, value in told.items()) or "no header about limits"
    refused = [(status, text) for status, _, text in replies if status != 200]
    if not refused:
        return Answer("How fast may we ask?", asked, 200, None, headers, f"all {len(replies)} answered")
    status, text = refused[0]
    found = f"{len(refused)} of {len(replies)} refused; stay below {rate} a second"
    return Answer("How fast may we ask?", asked, status or None, None, f"{text}; {headers}", found)


def _is_telling(header: str) -> bool:
    return any(word in header.lower() for word in _TELLING)
