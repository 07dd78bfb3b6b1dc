"""The site: every link and anchor leads somewhere, and nobody outside is asked for anything."""

import functools
import http.server
import re
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import chromium
from interfaces.docs import site
from trading.market.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(find_spec("furo") is None, reason="the extra docs is not here: make docs")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site, and what Sphinx complained about."""
    folder = tmp_path_factory.mktemp("site") / "site"
    return folder, site.build(folder)


def test_every_link_and_anchor_leads_somewhere(built):
    """Pages of docs/ and those outside it; a page that no table of contents names fails, too."""
    folder, warnings = built
    assert warnings == []
    pages = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.html")}
    written = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert written - pages == set()


def test_a_link_or_an_anchor_that_leads_nowhere_is_named(tmp_path, monkeypatch):
    """The check can fail: one page, two wrong links."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text())
    (tmp_path / "docs" / "a.md").write_text("# A\n\n[b](b.md) [here](#a) [there](#nowhere)\n")
    (tmp_path / "README.md").write_text("# First\n\n[a](docs/a.md#a) [c](docs/a.md#c)\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "OUTSIDE", {"README.md": "index.md"})
    monkeypatch.setattr(site, "CONTENTS", {"All": ["a"]})
    warnings = site.build(tmp_path / "site")
    assert len(warnings) == 3
    assert [word for word in ("b.md", "nowhere", "'c'") if word not in "".join(warnings)] == []


def test_a_folder_that_is_no_site_is_left_alone(tmp_path):
    """`--out docs` would delete the pages."""
    (tmp_path / "precious").write_text("x")
    with pytest.raises(BadInput, match="something else"):
        site.build(tmp_path)
    assert (tmp_path / "precious").read_text() == "x"


def test_links_that_leave_docs_are_bent(tmp_path):
    """A page outside docs/ has a place in the site; code is told by its path; anchors stay."""
    text = "[r](../README.md#limits-plainly) [e](../.env.example) [p](how-to/models.md) [x](https://a.b/c)"
    bent = site.bent(text, "docs/operations.md", "operations.md")
    assert bent == "[r](index.md#limits-plainly) e (`.env.example`) [p](how-to/models.md) [x](https://a.b/c)"


def test_no_page_loads_anything_from_outside(built):
    """Links lead out where a reader clicks; nothing is fetched: no script, style, font, picture or frame."""
    folder, _ = built
    loads = re.compile(
        r"<(?:script|img|iframe|source|video|audio)\b[^>]*\ssrc=[\"'](?:https?:)?//|<link\b[^>]*//"
    )
    pages = [*folder.rglob("*.html")]
    assert len(pages) > 100
    assert [page.name for page in pages if loads.search(page.read_text())] == []
    fetched = re.compile(r"url\([\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//")
    assert [path.name for path in folder.rglob("*.css") if fetched.search(path.read_text())] == []


@pytest.mark.browser
@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine")
def test_a_browser_asks_nobody_but_the_site(built, tmp_path):
    """First page, a page of code, the search: all that is asked for comes from 127.0.0.1, no script fails."""
    handler = functools.partial(_Quiet, directory=str(built[0]))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with chromium.browser(chromium.found(), tmp_path / "profile") as tab:
            for page in ("index.html", "tutorial.html", "reference/generated/commands.html"):
                tab.go(f"{base}/{page}")
                tab.wait("document.readyState === 'complete'")
                tab.size(390, 844, phone=True)
                assert tab.js("document.documentElement.scrollWidth") <= 400, page
                tab.size(1280, 900)
            tab.go(f"{base}/search.html?q=approval")
            tab.wait("document.querySelectorAll('#search-results li').length > 3")
            outside = [url for url in tab.requests if not url.startswith((base, "data:", "about:"))]
            assert outside == []
            # A browser asks for an icon by itself; there is none.
            assert [error for error in tab.errors if "favicon.ico" not in error] == []
    finally:
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing per request."""
