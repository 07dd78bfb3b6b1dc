"""The house keeps its shape: traps that were stepped into once, found again before anybody runs anything."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("interfaces", "pipelines", "assets", "resources", "trading")
OWNERS_TEN = (
    "dagster",
    "ccxt",
    "duckdb",
    "polars",
    "pandas_ta",
    "sklearn",
    "hdbscan",
    "feedparser",
    "redis",
    "pytest",
)


def tracked() -> list[Path]:
    """Files that git would commit: tracked ones and new ones that are not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]


FILES = tracked()
PYTHON = [path for path in FILES if path.suffix == ".py"]


@cache
def imported(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_tests_are_no_packages():
    """tests/assets/__init__.py would shadow our `assets` in pytest's default import mode."""
    assert [
        path for path in FILES if path.is_relative_to(ROOT / "tests") and path.name == "__init__.py"
    ] == []


def test_dbt_folder_holds_no_python():
    """dbt/__init__.py would shadow the installed dbt: `No module named dbt.cli`."""
    assert [path for path in FILES if path.is_relative_to(ROOT / "dbt") and path.suffix == ".py"] == []


def test_installed_dbt_is_the_one_imported():
    """The folder dbt/ beside our code must not win over the package."""
    import dbt.cli.main

    assert "site-packages" in str(Path(dbt.cli.main.__file__))


@pytest.mark.parametrize("folder", ["assets", "pipelines"])
def test_annotations_are_real_where_dagster_reads_them(folder):
    """`from __future__ import annotations` makes Dagster refuse the context and config of an asset."""
    offenders = [
        path.name
        for path in PYTHON
        if path.is_relative_to(ROOT / folder) and "from __future__ import annotations" in path.read_text()
    ]
    assert offenders == []


@pytest.mark.parametrize("package", OWNERS_TEN)
def test_each_package_the_owner_named_is_really_used(package):
    """A dependency that nothing imports is a promise not kept.

    pytest is used by the tests.
    """
    folders = {"pytest": ("tests",)}.get(package, CODE_FOLDERS)
    users = [
        path for path in PYTHON if path.relative_to(ROOT).parts[0] in folders and package in imported(path)
    ]
    assert users, f"no file under {', '.join(folders)} imports {package}"


def rooms() -> list[str]:
    return sorted(path.name for path in (ROOT / "trading").iterdir() if (path / "__init__.py").is_file())


@pytest.mark.parametrize("room", rooms())
def test_each_room_has_tests(room):
    """tests/ mirrors trading/: a room without tests is a room nobody looked into."""
    assert list((ROOT / "tests" / "trading" / room).rglob("test_*.py"))


def test_each_module_says_what_it_is_for():
    """A module opens with a docstring: what lives here and what does not."""
    silent = [
        str(path.relative_to(ROOT))
        for path in PYTHON
        if path.relative_to(ROOT).parts[0] in CODE_FOLDERS
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_file_grows_into_a_second_program():
    """About 300 lines is where a file has two subjects; 350 is never needed."""
    long = {
        str(path.relative_to(ROOT)): n for path in PYTHON if (n := len(path.read_text().splitlines())) > 350
    }
    assert long == {}


@pytest.mark.parametrize("mark", ["TODO", "FIXME", "XXX", "NotImplementedError"])
def test_nothing_is_left_for_later_in_the_code(mark):
    """What is missing is an issue or a line in docs/limits.md, not a mark in the code."""
    word = re.compile(rf"\b{mark}\b")
    assert [p.name for p in PYTHON if p != Path(__file__) and word.search(p.read_text())] == []


def test_every_skip_says_why():
    """A skip without a reason hides a missing test."""
    bare = re.compile(r"(pytest\.skip\(\)|mark\.skip\b(?!if)(?!\(\s*reason)|mark\.xfail\b(?!\(.*reason))")
    offenders = [p.name for p in PYTHON if p.is_relative_to(ROOT / "tests") and p != Path(__file__)]
    assert [
        name for name in offenders if bare.search(next(p for p in PYTHON if p.name == name).read_text())
    ] == []


def test_no_committed_file_names_a_machine():
    """Paths of the machine it was written on mean nothing on the reader's."""
    # Built from parts so that this file does not name them either.
    forbidden = ["/" + "work/", "/" + "root/", "/tmp/" + "sluice", "farm" + "-", "/opt/" + "pypi"]
    offenders = []
    for path in FILES:
        if path.suffix in {".png", ".parquet", ".svg", ".gz"} or path.name.endswith(".lock"):
            continue
        text = path.read_text(errors="replace")
        offenders += [f"{path.relative_to(ROOT)}: {word}" for word in forbidden if word in text]
    assert offenders == []


@pytest.mark.parametrize("lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_locks_carry_hashes_and_no_addresses(lock):
    """A lock that names a registry works only where that registry is reached."""
    text = lock.read_text()
    pinned = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
    assert "://" not in text
    assert "index-url" not in text
    assert pinned
    assert all("==" in line for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)


def test_extras_are_locked_to_the_core_s_versions():
    """An extra must not bring another numpy than the one the core was tested with."""

    def pins(name: str) -> dict[str, str]:
        found = re.findall(r"^([a-z0-9_.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
        return dict(found)

    core = pins("requirements.lock")
    for name in ("ai", "alerts", "browser", "docs", "postgres"):
        extra = f"requirements-{name}.lock"
        assert {name: v for name, v in pins(extra).items() if core.get(name, v) != v} == {}
