"""axe-core, from the npm registry, over every page of the operator in headless Chromium, dark and light."""

import json

import pytest

from bench import chromium
from interfaces.ui import vendored
from interfaces.ui.catalogue import PAGES
from tests.interfaces.ui.conftest import PASSWORD, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(vendored.wrong()), reason="no browser libraries here: make setup fetches them"),
    pytest.mark.skipif(bool(vendored.wrong_checks()), reason="no axe-core here: make setup fetches it"),
]
# What the checker calls what must be mended before anybody is let in.
GRAVE = ("serious", "critical")


def problems(tab, place):
    """Return the grave findings on what stands in the tab: rule, where, what."""
    # By the debugging protocol: the page's own policy lets no script in.
    tab.js((vendored.CHECKERS / "axe.js").read_text() + "; 0")
    found = json.loads(
        tab.js("axe.run(document, {resultTypes: ['violations']}).then((r) => JSON.stringify(r.violations))")
    )
    return [
        (place, one["id"], one["impact"], node["target"], node["failureSummary"])
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def dress(tab, theme):
    """Switch to dark or light as the button does; what draws itself draws again."""
    tab.js(
        f"document.documentElement.dataset.theme = localStorage.theme = '{theme}';"
        "dispatchEvent(new Event('themed')); 0"
    )


def test_no_page_has_a_serious_problem_in_dark_or_light(tab, served):
    """By the checker's own grades; the login form and the page of an error, too."""
    tab.size(1280, 900)
    found = []
    tab.go(f"{served}/login")
    tab.wait("document.querySelector('input[name=name]')")
    for theme in ("dark", "light"):
        dress(tab, theme)
        found += problems(tab, f"login, {theme}")
    tab.log_in(served, "ada", PASSWORD)
    for page in PAGES:
        visit(tab, served, page)
        for theme in ("dark", "light"):
            dress(tab, theme)
            found += problems(tab, f"{page.name}, {theme}")
    tab.go(f"{served}/nowhere")
    tab.wait("document.querySelector('h1')?.textContent === '404'")
    found += problems(tab, "error")
    assert found == []


def test_the_dialog_that_stops_trading_has_no_serious_problem(tab, served):
    """Open, as a person has it before the eyes who is about to sell everything."""
    tab.log_in(served, "ada", PASSWORD)
    visit(tab, served, next(page for page in PAGES if page.name == "live"))
    tab.js("document.querySelector('[data-order=flatten]').click()")
    found = []
    for theme in ("dark", "light"):
        dress(tab, theme)
        found += problems(tab, f"flatten, {theme}")
    assert found == []


def test_the_checker_finds_a_problem_that_was_planted(tab, served):
    """A picture without words and a grey that nobody can read: else the tests above could not fail."""
    tab.log_in(served, "ada", PASSWORD)
    visit(tab, served, PAGES[0])
    tab.js(
        "{ const main = document.getElementById('main'); main.append(new Image());"
        "const faint = document.createElement('p'); faint.textContent = 'faint';"
        "faint.style.color = '#bbb'; faint.style.background = '#fff'; main.append(faint); }"
    )
    assert {rule for _, rule, *_ in problems(tab, "planted")} == {"image-alt", "color-contrast"}
