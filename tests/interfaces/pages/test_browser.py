"""In a real browser, every address but 127.0.0.1 blocked: on a phone, dark and light, no grave finding."""

import pytest

from bench import chromium
from interfaces.pages.app import SHOWN
from interfaces.ui import vendored
from tests.interfaces.pages.test_own import HOSTILE
from tests.interfaces.ui.test_accessibility import dress, problems
from trading.users.directory import Directory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(vendored.wrong_checks()), reason="no axe-core here: make setup fetches it"),
]


def test_a_user_comes_in_by_a_link_and_every_page_is_sound_on_a_phone(tab, served, desk):
    """No side scroll, no script error, nothing asked outside; axe-core finds nothing grave."""
    Directory(desk.log).change("ada", name=HOSTILE[:200])
    tab.size(390, 844, phone=True)
    tab.go(f"{served}/in/{desk.log.page_links.make('ada')}")
    tab.wait("document.querySelector('main form button')")
    tab.js("document.querySelector('main form button').focus(); document.activeElement.click(); 0")
    tab.wait("location.pathname === '/' && document.querySelector('nav')")
    found = []
    for name in SHOWN:
        tab.go(f"{served}/{name}")
        tab.wait("document.readyState === 'complete' && document.querySelector('nav [aria-current]')")
        assert tab.js("document.documentElement.scrollWidth") <= 390, name
        assert tab.js("document.querySelectorAll('main img[src=x]').length") == 0
        assert tab.js("document.querySelectorAll('h1').length") == 1
        for theme in ("dark", "light"):
            dress(tab, theme)
            found += problems(tab, f"{name}, {theme}")
    assert found == []
    assert [url for url in tab.requests if not url.startswith((served, "data:", "about:"))] == []
    assert tab.errors == []
