"""The news desk: RSS feeds about the listed pairs, deterministic by seed and market time.

The headlines move no price: they are text to practise on. Some are noise, some name coins whose
tickers are English words, some carry HTML, tracking links and markup that wants to break a reader.
Time is cut into slots; what a slot of a feed says depends on seed, feed and slot number alone, so a
reader who comes late sees what an early one saw.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from xml.sax.saxutils import escape

from trading.simulator.headlines import FEEDS, SUBJECTS, TRAPS, Story
from trading.simulator.source import MarketSource, Pair

SLOT_MS = 20 * 60_000
ITEMS = 40
_REACH_SLOTS = 400

# What XML 1.0 cannot carry at all, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NewsDesk:
    """Writes the feeds of one exchange."""

    def __init__(self, source: MarketSource, seed: int) -> None:
        self._seed = seed
        self._first_slot = source.first_ms // SLOT_MS
        self._pairs = list(source.pairs.values())

    def feeds(self) -> list[str]:
        """Return the paths of the feeds."""
        return [f"/news/{name}.xml" for name in FEEDS]

    def rss(self, feed: str, now_ms: int) -> bytes | None:
        """Return the feed as RSS 2.0, newest first; None if there is no such feed."""
        if feed not in FEEDS:
            return None
        items = "".join(_item(feed, story) for story in self.stories(feed, now_ms))
        built = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
            f"<title>{escape(FEEDS[feed].title)}</title><link>https://news.sluice.invalid/{feed}</link>"
            "<description>Invented news of the embedded exchange; no price listens to it.</description>"
            f"<language>en</language><lastBuildDate>{built}</lastBuildDate>{items}</channel></rss>\n"
        ).encode()

    def stories(self, feed: str, now_ms: int) -> list[Story]:
        """Return what the feed shows at `now_ms`: at most 40 stories, newest first."""
        found: list[Story] = []
        newest = now_ms // SLOT_MS
        for slot in range(newest, max(newest - _REACH_SLOTS, self._first_slot - 1), -1):
            story = self._story(feed, slot)
            if story is not None and story.at_ms <= now_ms:
                found.append(story)
            if len(found) == ITEMS:
                break
        return found

    def _story(self, feed: str, slot: int) -> Story | None:
        draw = _Draw(f"news|{self._seed}|{feed}|{slot}")
        if draw.fraction() > FEEDS[feed].pace:
            return None
        at_ms = slot * SLOT_MS + draw.below(SLOT_MS // 1000) * 1000
        subject = SUBJECTS[draw.pick(FEEDS[feed].mix)]
        pair = self._subject_pair(draw, at_ms)
        title = subject.titles[draw.below(len(subject.titles))]
        body = subject.bodies[draw.below(len(subject.bodies))]
        words = {
            "coin": pair.full_name.split(" (")[0],
            "ticker": pair.base,
            "pair": f"{pair.base}/{pair.quote}",
        }
        words |= {"percent": str(3 + draw.below(60)), "millions": str(2 + draw.below(400))}
        text = title.format(**words), body.format(**words)
        trap = TRAPS[draw.below(len(TRAPS))] if draw.fraction() < FEEDS[feed].traps else ""
        return Story(
            guid=f"{feed}-{draw.token}", at_ms=at_ms, kind=subject.kind, symbol=pair.symbol,
            title=text[0], body=text[1] + trap,
            is_html=draw.fraction() < 0.4, is_tracked=draw.fraction() < 0.5,
        )  # fmt: skip

    def _subject_pair(self, draw: "_Draw", at_ms: int) -> Pair:
        # Most news is about the few pairs at the top of the listing.
        for _ in range(4):
            reach = len(self._pairs) if draw.fraction() < 0.4 else min(40, len(self._pairs))
            pair = self._pairs[draw.below(reach)]
            if pair.listed_ms <= at_ms and (pair.delisted_ms is None or at_ms < pair.delisted_ms):
                return pair
        return self._pairs[0]


def _item(feed: str, story: Story) -> str:
    link = f"https://news.sluice.invalid/{feed}/{story.guid}"
    if story.is_tracked:
        link += f"?utm_source=rss&utm_medium=feed&utm_campaign={feed}"
    body = f'<p>{story.body}</p><p><a href="{link}">Read more</a></p>' if story.is_html else story.body
    date = format_datetime(datetime.fromtimestamp(story.at_ms / 1000, UTC))
    return (
        f"<item><title>{_clean(story.title)}</title><link>{_clean(link)}</link>"
        f'<guid isPermaLink="false">{_clean(story.guid)}</guid><pubDate>{date}</pubDate>'
        f"<category>{_clean(story.kind)}</category><description>{_clean(body)}</description></item>"
    )


def _clean(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text))


class _Draw:
    """A short stream of numbers from one string."""

    def __init__(self, name: str) -> None:
        self._state = blake2b(name.encode(), digest_size=64).digest()
        self._at = 8
        self.token = self._state[:8].hex()

    def below(self, bound: int) -> int:
        if self._at + 4 > len(self._state):
            self._state, self._at = blake2b(self._state, digest_size=64).digest(), 0
        value = int.from_bytes(self._state[self._at : self._at + 4], "little")
        self._at += 4
        return value % bound

    def fraction(self) -> float:
        return self.below(2**31) / 2**31

    def pick(self, weights: dict[str, int]) -> str:
        at = self.below(sum(weights.values()))
        for name, weight in weights.items():
            at -= weight
            if at < 0:
                return name
        raise AssertionError("weights must be positive")
