"""The dashboard names tables of the lake by hand: each of them is one that somebody publishes."""

import re
from pathlib import Path

from interfaces.ui import beat
from interfaces.ui.pages import models, run

ROOT = Path(__file__).resolve().parents[3]


def test_every_table_that_the_dashboard_follows_is_published_by_an_asset():
    """A table that was renamed would be an empty place on a page, and nobody would be told."""
    texts = [path.read_text() for path in (ROOT / "assets").glob("*.py")]
    published = {name for text in texts for name in re.findall(r"publish\(\s*\"(\w+)\"", text)}
    named = {*beat._TABLES, *(name for name, _ in models.TABLES), *models.DRAWN, *run.SEEN}
    assert len(published) > 20
    assert named - published == set()
