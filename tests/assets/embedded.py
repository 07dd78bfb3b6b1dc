"""A world of its own for tests of the Dagster layer: settings by environment, Dagster's home, an exchange."""

import logging
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interfaces.run.market import MarketControl
from tests.integration.exchange_process import exchange_process

DAGSTER_YAML = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


@contextmanager
def settings_of(home: Path, **values: str) -> Iterator[None]:
    """Let the environment say only this inside the block: no setting of the machine reaches a test."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_text(DAGSTER_YAML)
    before = dict(os.environ)
    level = logging.getLogger("dagster").level
    for name in [name for name in os.environ if name.startswith(("SLUICE_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ |= {
        "SLUICE_HOME": str(home / "data"),
        "SLUICE_WORLD": "test",
        "DAGSTER_HOME": str(dagster_home),
        **{f"SLUICE_{name.upper()}": value for name, value in values.items()},
    }
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.getLogger("dagster").setLevel(level)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def embedded_world(home: Path, *, symbols: int, start: str) -> Iterator[MarketControl]:
    """Serve a synthetic market on a free port and point the settings at it."""
    token = secrets.token_hex(8)
    arguments = ["--symbols", str(symbols), "--seed", "7", "--start", start, "--rate", "500"]
    with (
        exchange_process(*arguments, "--accounts", "2", "--admin-token", token) as exchange,
        settings_of(home, exchange__base_url=root_of(exchange.base), exchange__rate_per_s="500"),
    ):
        yield MarketControl(root_of(exchange.base), token)


def root_of(base: str) -> str:
    """Return the exchange's address without ccxt's path."""
    return base.split("/api/", maxsplit=1)[0]
