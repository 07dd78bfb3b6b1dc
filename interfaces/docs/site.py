"""All pages as a site: collects them, bends links that leave docs/, lets Sphinx build and check the rest.

Sphinx runs as a process of its own: it is an extra (`make docs` brings it) that no other command needs.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from trading.market.errors import BadInput, InTheWay, MissingData

ROOT = Path(__file__).resolve().parents[2]
# Pages outside docs/ that are part of the site: path in the repository -> path in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "trading/users/risk.md": "reference/risk.md",
}
# The table of contents beside every page: heading -> pages, in order; `*` takes all that are left.
CONTENTS = {
    "Begin": ["tutorial", "glossary", "from-the-old-bot"],
    "How to": ["how-to/*"],
    "Reference": ["reference/*", "reference/generated/*"],
    "Explanation": ["architecture", "explanation/*", "dagster-ui"],
    "Figures and limits": ["reliability", "limits", "benchmarks", "models-*"],
    "Operate and contribute": ["operations", "contributing", "changelog", "decisions/README", "decisions/0*"],
}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")


def build(target: Path) -> list[str]:
    """Build the site into `target` and return every warning: a link or an anchor that leads nowhere.

    Parameters
    ----------
    target : Path
        Folder of the site; replaced as a whole. Its pages also work without a server.

    Raises
    ------
    MissingData
        If the extra `docs` is not installed.
    BadInput
        If `target` is a folder that holds something else than such a site.
    """
    if find_spec("sphinx") is None or find_spec("furo") is None:
        raise MissingData("the site needs the extra `docs`. Next: make docs")
    if target.exists() and not (target / "objects.inv").is_file():
        raise BadInput(f"{target} must be absent or a site made before; it holds something else")
    sources = target.with_name(f".{target.name}.sources")
    shutil.rmtree(sources, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    try:
        _collect(sources)
        return _sphinx(sources, target)
    finally:
        shutil.rmtree(sources, ignore_errors=True)


def _collect(sources: Path) -> None:
    shutil.copytree(ROOT / "docs", sources)
    for page in sources.rglob("*.md"):
        inside = page.relative_to(sources).as_posix()
        page.write_text(bent(page.read_text(), f"docs/{inside}", inside))
    for place, inside in OUTSIDE.items():
        (sources / inside).write_text(bent((ROOT / place).read_text(), place, inside))
    with (sources / "index.md").open("a") as index:
        index.write("".join(_toctree(*entry) for entry in CONTENTS.items()))


def bent(text: str, place: str, inside: str) -> str:
    """Return Markdown whose links fit the site: `place` is its path in the repository, `inside` in the site.

    A link to a file that is no page (code, settings) becomes the file's path in words. A link that leads
    nowhere is left as it is, for Sphinx to complain about.
    """

    def one(found: re.Match[str]) -> str:
        mark, said, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found.group()
        path, _, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        page = OUTSIDE.get(there) or (there.removeprefix("docs/") if there.startswith("docs/") else "")
        if (ROOT / there).is_dir() and page:
            page += "/README.md"
        if page:
            relative = posixpath.relpath(page, posixpath.dirname(inside) or ".")
            return f"{mark}[{said}]({relative}{'#' + anchor if anchor else ''})"
        if (ROOT / there).exists():
            return said if said.strip("`") == there else f"{said} (`{there}`)"
        return found.group()

    return _LINK.sub(one, text)


def _toctree(heading: str, pages: list[str]) -> str:
    listed = "\n".join(pages)
    return f"\n\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {heading}\n\n{listed}\n```\n"


def _sphinx(sources: Path, target: Path) -> list[str]:
    trees = sources / ".trees"
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-b",
        "html",
        "-d",
        str(trees),
        str(sources),
        str(target),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise InTheWay(f"Sphinx could not build the site: {run.stderr.strip()[-500:]}")
    return [line.replace(f"{sources}/", "") for line in run.stderr.splitlines() if line.strip()]
