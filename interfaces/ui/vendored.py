"""The browser libraries, by name and hash: which files of which npm package `sluice ui` serves.

`python -m interfaces.ui.vendored` checks them; `--take FOLDER` copies them out of a `node_modules` first.
They are fetched at set-up (scripts/browser.sh) and never committed. The accessibility checker of the tests
comes the same way into a folder beside, which is never served.
"""

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).with_name("vendor")
CHECKERS = Path(__file__).with_name("vendor-checks")


@dataclass(frozen=True, slots=True)
class File:
    """One file: where it is in `node_modules`, and what it must hash to."""

    name: str
    source: str
    sha256: str


FILES = (
    File(
        "lightweight-charts.js",
        "lightweight-charts/dist/lightweight-charts.standalone.production.js",
        "e21cc5caa0226ef30bd8549c50b9ef926615f2a4ee6b4e486353477a55f598cf",
    ),
    File(
        "lightweight-charts.LICENSE",
        "lightweight-charts/LICENSE",
        "70c9d5382506dd184465425c08a99ad9bd6d9ac1313c252968ba0b585e5ef823",
    ),
)


# For tests alone: nothing that a browser of ours is sent.
CHECKS = (
    File("axe.js", "axe-core/axe.min.js", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"),
)


def wrong(folder: Path = VENDOR, files: tuple[File, ...] = FILES) -> list[str]:
    """Return a sentence for each file that is missing or is not the one that was reviewed; empty is well."""
    return [said for file in files if (said := _wrong(file, folder / file.name))]


def wrong_checks() -> list[str]:
    """Return the same of what only tests load."""
    return wrong(CHECKERS, CHECKS)


def take(modules: Path, folder: Path = VENDOR, files: tuple[File, ...] = FILES) -> None:
    """Copy the files out of `modules` into `folder`; one with another hash is not copied."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        source = modules / file.source
        if not _wrong(file, source):
            temporary = folder / f".{file.name}.tmp"
            shutil.copyfile(source, temporary)
            temporary.replace(folder / file.name)


def _wrong(file: File, path: Path) -> str:
    if not path.is_file():
        return f"{file.name} is missing: run `make setup`"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return "" if found == file.sha256 else f"{file.name} has sha256 {found}, expected {file.sha256}"


def main(arguments: list[str]) -> int:
    """Take and check; the exit code says whether all is there."""
    if arguments[:1] == ["--take"]:
        take(Path(arguments[1]))
        take(Path(arguments[1]), CHECKERS, CHECKS)
    found = wrong() + wrong_checks()
    if "--quiet" not in arguments:
        for said in found:
            print(f"setup: {said}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
