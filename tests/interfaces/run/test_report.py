"""report.html: self-contained, escaped, complete, and sound as HTML."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from interfaces.run.record import StoryStep
from interfaces.run.report import page, write_report
from interfaces.run.report_equity import MAX_CURVES, summed
from tests.interfaces.run.sample import HOSTILE, empty_run, sample

VOID = {"meta", "br", "img", "link", "input", "hr"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Sound(HTMLParser):
    """Collects tags, ids and text; fails on a tag that does not close."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(record) -> Sound:
    found = Sound()
    found.feed(page(record))
    found.close()
    assert found.open == []
    return found


def words(record) -> str:
    return " ".join(" ".join(parsed(record).text).split())


@pytest.mark.parametrize("record", [sample(), empty_run()])
def test_the_page_asks_nothing_of_any_other_address(record):
    """No link out, no source, no import, no script, and a policy that forbids them all."""
    found = parsed(record)
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert all(not name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import|https?://", page(record))
    assert "default-src 'none'" in page(record)


def test_hostile_symbols_and_texts_stay_text():
    """Whatever a venue calls its pairs, users themselves, or feeds their headlines."""
    odd = '"><script>alert(1)</script>\u202e' + "x" * 10_000
    record = sample()
    record = sample(
        world=odd,
        market=odd,
        warnings=[odd],
        approved=[replace(record.approved[0], symbol=odd, lineage_id=odd)],
        users=[replace(user, name=odd, mode=odd, skips={odd: 1}) for user in record.users],
        story=[StoryStep(odd, odd, odd, odd)],
        model={"verdict": odd, "reason": odd, "table": [{"rule": odd}]},
        funnel=[replace(record.funnel[0], stage=odd, reasons={odd: 5})],
    )
    html = page(record)
    assert "<script" not in html
    assert "\u202e" not in html
    assert len(html) < 200_000
    assert not any(tag == "script" for tag, _ in parsed(record).tags)


def test_the_hostile_symbol_is_shown_as_it_is_spelt():
    """Escaped, not dropped."""
    assert HOSTILE in words(sample())


def test_what_market_this_was_stands_before_every_figure():
    """A planted edge is declared first, and on each symbol that carries it."""
    html = page(sample())
    declared = html.index("with a planted edge")
    assert declared < html.index("P&amp;L, paper money") < html.index('id="funnel"')
    assert html.count("planted by the market") == 5


def test_every_section_of_a_full_run_is_there():
    """In the order in which it happened."""
    html = page(sample())
    order = ["funnel", "scan", "approved", "equity", "users", "restart", "story", "model"]
    places = [html.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)


def test_a_run_in_which_nothing_happened_has_no_empty_sections():
    """No chart without data, no kill without a kill."""
    html = page(empty_run())
    for name in ("scan", "equity", "restart", "story"):
        assert f'<section id="{name}"' not in html
        assert f'href="#{name}"' not in html
    assert "nothing traded" in html


def test_figures_are_those_of_the_record():
    """Sums worked out here from the users."""
    total = sum(float(user.pnl_quote) for user in sample().users)
    assert f"{total:+,.2f}" in words(sample())
    assert "2,610 symbols in, 6 approved , 67 trades closed." in words(sample())


def test_ids_are_unique_and_every_label_finds_its_words():
    """Screen readers follow aria-labelledby."""
    tags = parsed(sample()).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {word for _, attributes in tags for word in (attributes.get("aria-labelledby") or "").split()}
    assert named <= set(ids)


def test_every_drawing_has_a_title_and_a_description():
    """Charts have words."""
    tags = [tag for tag, _ in parsed(sample()).tags]
    assert tags.count("svg") == tags.count("title") - 1 == tags.count("desc") > 15


def test_tables_have_headers_with_scope_and_scroll_with_keys():
    """A wide table on a phone is reached with the keyboard too."""
    tags = parsed(sample()).tags
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    boxes = [attributes for _, attributes in tags if attributes.get("class") == "scroll"]
    assert boxes
    assert all(box.get("tabindex") == "0" for box in boxes)


def test_both_colour_schemes_and_reduced_motion_are_served():
    """By what the reader's system prefers."""
    html = page(sample())
    assert "prefers-color-scheme: dark" in html
    assert "prefers-reduced-motion" in html


def test_curves_of_many_users_are_cut_and_the_rest_counted():
    """The table below has all."""
    one = sample().users[0]
    users = [replace(one, user_id=f"u{k}", name=f"User {k}") for k in range(40)]
    record = sample(
        users=users, equity={user.user_id: [("2025-03-03T02:00:00+00:00", 1.0)] for user in users}
    )
    assert f"{40 - MAX_CURVES} more users stand in the table" in words(record)


def test_step_curves_add_up_at_every_step():
    """10 from the first user at 1, then 5 from the second at 2, then the first falls to 4 at 3."""
    assert summed([[(1.0, 10.0), (3.0, 4.0)], [(2.0, 5.0)]]) == [(1.0, 10.0), (2.0, 15.0), (3.0, 9.0)]


def test_curves_of_paper_and_live_money_are_drawn_apart():
    """Never one sum of both."""
    users = sample().users
    mixed = [replace(user, mode="live") if k < 2 else user for k, user in enumerate(users)]
    html = page(sample(users=mixed))
    assert 'id="total-0-t"' in html
    assert 'id="total-1-t"' in html


def test_the_page_is_written_whole(tmp_path):
    """Folders are made; nothing temporary stays behind."""
    path = write_report(sample(), tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == page(sample())
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(tmp_path, width):
    """In a real browser, in a frame as wide as a phone or a desk, it does not scroll sideways."""
    write_report(sample(), tmp_path / "report.html")
    (tmp_path / "frame.html").write_text(
        f'<iframe id="f" src="report.html" style="border:0;width:{width}px;height:900px"></iframe><script>'
        "f.onload=()=>{const d=f.contentDocument.documentElement;"
        'document.body.setAttribute("data-over", d.scrollWidth-d.clientWidth)}</script>'
    )
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
        "--disable-sync --no-first-run --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom"
    )
    command = [
        CHROMIUM,
        *flags.split(),
        f"--user-data-dir={tmp_path}/profile",
        f"file://{tmp_path}/frame.html",
    ]
    out = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False).stdout
    assert 'data-over="0"' in out
