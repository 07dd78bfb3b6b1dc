"""Without the extra `ai` everything else goes on, and what needs it says which command installs it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trading.learning.deep import extra
from trading.learning.models import EXTRA_KINDS, KINDS, fit_classifier, load_classifier
from trading.market.errors import MissingData, StoreError

ROOT = Path(__file__).resolve().parents[4]
DEEP = ROOT / "trading" / "learning" / "deep"
TRAINS = {"fitting", "ppo"}  # modules that import JAX at their top


@pytest.fixture
def without_extra(monkeypatch) -> None:
    """As if nothing of the extra were installed."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("kind", EXTRA_KINDS)
def test_a_kind_of_the_missing_extra_is_refused_with_the_command(kind: str) -> None:
    """To train, and to use a champion of that kind: the message says `make ai` and what goes on."""
    rows = np.zeros((4, 4)), np.array([0, 1, 0, 1]), np.ones(4)
    with pytest.raises(MissingData, match=rf"{kind} needs the extra `ai`.*jax.*`make ai`.*by rule"):
        fit_classifier(kind, *rows)
    files = {"network.json": b'{"kind": "%s"}' % kind.encode(), "network.safetensors": b""}
    with pytest.raises(StoreError, match=r"safetensors cannot be imported.*`make ai`"):
        load_classifier(kind, files)


@pytest.mark.usefixtures("without_extra")
def test_the_working_pair_needs_nothing_of_it() -> None:
    """Logistic regression and trees train, are written and read."""
    x = np.random.default_rng(0).normal(size=(200, 2))
    for kind in KINDS:
        model = fit_classifier(kind, x, (x[:, 0] > 0).astype(np.int64), np.ones(200))
        assert load_classifier(kind, model.to_files()).predict(x).shape == (200,)


def test_nothing_of_the_extra_is_imported_before_a_kind_is_asked_for() -> None:
    """The command line and every module of learning but those that train."""
    code = """
import importlib, pkgutil, sys
import interfaces.cli.main
import trading.learning as room
for module in pkgutil.walk_packages(room.__path__, "trading.learning."):
    if module.name.rsplit(".", 1)[1] not in TRAINS:
        importlib.import_module(module.name)
print(sorted({"jax", "jaxlib", "optax", "safetensors"} & {name.split(".")[0] for name in sys.modules}))
""".replace("TRAINS", repr(TRAINS))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_that_train_are_imported_inside_functions_only() -> None:
    """At the top of any module such an import would bring JAX to everybody."""
    offenders = []
    for path in (ROOT / "trading").rglob("*.py"):
        if path.stem in TRAINS and path.parent == DEEP:
            continue
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            offenders += [
                (path.name, name)
                for name in names
                if name.split(".")[0] in extra.PACKAGES
                or name in {f"trading.learning.deep.{one}" for one in TRAINS}
            ]
    assert offenders == []
