"""Nothing is asked from another address: not by pages, not by scripts; libraries are the ones reviewed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import interfaces.ui
from interfaces.ui import vendored

FOLDER = Path(interfaces.ui.__file__).parent
OWN = sorted(path for kind in ("static", "templates") for path in (FOLDER / kind).iterdir())


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_file_that_is_served_names_another_address(path):
    """The one absolute address is the name of SVG, which nobody fetches."""
    found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"'`<]*", path.read_text())
    assert [address for address in found if address != "http://www.w3.org/2000/svg"] == []


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".js"], ids=lambda path: path.name)
def test_scripts_never_turn_text_into_html(path):
    """Foreign text reaches a page by textContent alone."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|javascript:"
    assert re.findall(forbidden, path.read_text()) == []


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".html"], ids=lambda path: path.name)
def test_templates_escape_everything_and_hold_no_script(path):
    """No `safe`, no inline script or handler: the policy would not run them either."""
    text = path.read_text()
    assert re.findall(r"\|\s*safe|autoescape|Markup", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|\son[a-z]+=", text) == []


def test_the_library_here_is_the_one_that_was_reviewed():
    """By hash; set up with `make setup`."""
    if not vendored.VENDOR.is_dir() or not any(vendored.VENDOR.glob("*.js")):
        pytest.skip("no browser libraries here: `make setup` fetches them from the npm registry")
    assert vendored.wrong() == []
    if vendored.CHECKERS.is_dir() and any(vendored.CHECKERS.glob("*.js")):
        assert vendored.wrong_checks() == []


def test_the_checker_of_the_tests_is_never_served(client):
    """It lies beside the folder that is served: 654 kB that no viewer needs."""
    names = {file.name for file in vendored.CHECKS}
    assert names == {"axe.js"}
    assert not names & {file.name for file in vendored.FILES}
    for path in ("/vendor/axe.js", "/vendor-checks/axe.js", "/vendor/../vendor-checks/axe.js"):
        assert client.get(path).status_code == 404


def test_a_changed_library_is_not_taken(tmp_path):
    """One byte more, and it is neither copied nor accepted."""
    source = tmp_path / "node_modules" / vendored.FILES[0].source
    source.parent.mkdir(parents=True)
    source.write_bytes(b"alert(1)")
    vendored.take(tmp_path / "node_modules", tmp_path / "vendor")
    assert list((tmp_path / "vendor").iterdir()) == []
    assert len(vendored.wrong(tmp_path / "vendor")) == len(vendored.FILES)
    (tmp_path / "vendor" / vendored.FILES[0].name).write_bytes(b"alert(1)")
    assert "has sha256" in vendored.wrong(tmp_path / "vendor")[0]


def test_the_npm_lock_has_hashes_and_no_addresses():
    """Any mirror of the registry will do; nothing is unpinned."""
    lock = (FOLDER / "package-lock.json").read_text()
    assert "://" not in lock
    packages = {name: row for name, row in json.loads(lock)["packages"].items() if name}
    assert packages
    assert all(row["integrity"].startswith("sha512-") for row in packages.values())
    asked = json.loads((FOLDER / "package.json").read_text())
    wanted = asked["dependencies"] | asked["devDependencies"]
    assert {"lightweight-charts", "axe-core"} <= wanted.keys()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())


def test_libraries_are_never_committed():
    """The folder is ignored."""
    root = FOLDER.parents[1]
    listed = subprocess.run(
        ["git", "ls-files", "interfaces/ui"], cwd=root, capture_output=True, text=True, check=False
    )
    assert not re.findall(r"/vendor(-checks)?/", listed.stdout)
    ignored = (root / ".gitignore").read_text().splitlines()
    assert {"interfaces/ui/vendor/", "interfaces/ui/vendor-checks/"} <= set(ignored)


def test_help_imports_neither_framework_nor_pages():
    """`sluice --help` stays quick; `sluice ui --help` too."""
    text = (
        "import sys\nfrom interfaces.cli.main import run\n"
        "run(['--help']); run(['ui', '--help'])\n"
        "heavy = {'fastapi', 'starlette', 'jinja2', 'polars', 'sqlalchemy'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--account" in done.stdout
