"""In a real browser, every address but 127.0.0.1 blocked: pages draw, ask nothing outside, can be used."""

import pytest

from bench import chromium
from interfaces.ui import vendored
from interfaces.ui.catalogue import PAGES
from tests.interfaces.ui.conftest import PASSWORD, visit
from tests.interfaces.ui.test_pages import spoil

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(vendored.wrong()), reason="no browser libraries here: make setup fetches them"),
]


def test_every_page_draws_and_asks_nothing_outside(tab, served, traded):
    """On a screen and a phone, with hostile names in the world: no script error, no side scroll, no alert."""
    spoil(traded)
    tab.log_in(served, "ada", PASSWORD)
    for page in PAGES:
        tab.size(1280, 900)
        visit(tab, served, page)
        tab.size(390, 844, phone=True)
        assert tab.js("document.documentElement.scrollWidth") <= 390, page.name
        assert tab.js("document.querySelectorAll('main section').length") > 0
        # A phone's row of pages shows where one is; a map without dots is no pair of empty boxes.
        if page.is_listed:
            visit(tab, served, page)
            place = "document.querySelector('nav [aria-current]').getBoundingClientRect()"
            assert 0 <= tab.js(f"{place}.left") < tab.js(f"{place}.right") <= 390, page.name
        if page.name == "xray":
            assert tab.js("document.getElementById('map').getClientRects().length") == 0
        # What was put in as HTML is text: no element came of it.
        assert tab.js("document.querySelectorAll('main img[src=x], main script').length") == 0
    assert [url for url in tab.requests if not url.startswith((served, "data:", "about:"))] == []
    assert tab.errors == []
    assert tab.bytes <= 1_500_000 * len(PAGES)


def test_an_operator_stops_and_lifts_by_keyboard_and_the_pulse_tells_it(tab, served, traded):
    """The dialog opens on the reason; without the word nothing happens; the bar above says STOPPED."""
    tab.log_in(served, "ada", PASSWORD)
    visit(tab, served, next(page for page in PAGES if page.name == "live"))
    tab.js("document.querySelector('[data-order=stop-entries]').click()")
    assert tab.js("document.activeElement.name") == "why"
    fill = (
        "const f = document.getElementById('order-form').elements; f.why.value = 'drill'; f.typed.value = {};"
    )
    tab.js("{" + fill.format("'no'") + " document.getElementById('order-go').click(); }")
    tab.wait("document.getElementById('order-refused').textContent.includes('stop had to be typed')")
    assert traded.log.halts.active() == []
    tab.js("{" + fill.format("'stop'") + " document.getElementById('order-go').click(); }")
    tab.wait("document.querySelectorAll('#halts li').length === 1")
    assert [halt.placed_by for halt in traded.log.halts.active()] == ["ada"]
    tab.wait("document.getElementById('pulse-text').textContent.includes('STOPPED')")
    tab.js("document.querySelector('#halts button').click()")
    assert tab.js("document.querySelector('.whom').hidden")
    tab.js("{" + fill.format("'lift'") + " document.getElementById('order-go').click(); }")
    tab.wait("document.querySelectorAll('#halts li').length === 0")
    assert traded.log.halts.active() == []


def test_what_a_screen_reader_is_told(tab, served):
    """Every control has a name, there is one main heading, and tables have headings that sort by keyboard."""
    tab.log_in(served, "ada", PASSWORD)
    for page in PAGES:
        visit(tab, served, page)
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        controls = ("button", "link", "textbox", "searchbox", "combobox", "slider", "image", "region")
        nameless = [
            (page.name, node["role"]["value"], node.get("backendDOMNodeId"))
            for node in nodes
            if not node["ignored"]
            and node["role"]["value"] in controls
            and not node.get("name", {}).get("value")
        ]
        assert nameless == []
        assert tab.js("document.querySelectorAll('h1').length") == 1
        assert tab.js("document.documentElement.lang") == "en"
        assert tab.js(
            "[...document.querySelectorAll('canvas')].every(c => c.closest('[aria-label], [role]'))"
        )


def test_a_session_that_ends_closes_the_screen(tab, served, desk):
    """The stream says so and the form comes back."""
    tab.log_in(served, "ada", PASSWORD)
    tab.wait("document.documentElement.dataset.pulse")
    desk.sessions._held.clear()
    tab.wait("location.pathname === '/login'")
