"""The working pair: the same bytes each time, safe to load, sensible with unknowns."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from trading.learning.models import KINDS, fit_classifier, load_classifier
from trading.learning.persistence import skops_bytes, skops_load
from trading.market.errors import BadInput, StoreError


def data(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4))
    x[::7, 1] = np.nan
    x[:, 3] = np.nan
    return x, (x[:, 0] + rng.normal(size=n) > 0).astype(np.int64), np.ones(n)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_survives_its_files_to_the_last_digit(kind: str) -> None:
    """Unknown features, and one that was never known, are no obstacle."""
    x, y, weight = data()
    model = fit_classifier(kind, x, y, weight)
    again = load_classifier(kind, model.to_files())
    assert np.array_equal(again.predict(x), model.predict(x))
    assert ((model.predict(x) > 0) & (model.predict(x) < 1)).all()
    assert again.to_files() == model.to_files()


def test_another_process_writes_the_same_bytes() -> None:
    """Nothing of memory addresses or the time of day is in the files."""
    load = f"spec = util.spec_from_file_location('made', {str(Path(__file__))!r})"
    code = f"""
import importlib.util as util
{load}
made = util.module_from_spec(spec)
spec.loader.exec_module(made)
print(made.digests())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digests()


def digests() -> str:
    """Hash of the files of both kinds."""
    files = [fit_classifier(kind, *data()).to_files() for kind in KINDS]
    return sha256(repr(files).encode()).hexdigest()


def test_the_order_of_probabilities_follows_the_evidence() -> None:
    """A high first feature means a gain."""
    x, y, weight = data()
    for kind in KINDS:
        low, high = fit_classifier(kind, x, y, weight).predict(np.array([[-2, 0, 0, 0], [2, 0, 0, 0.0]]))
        assert low < 0.3
        assert high > 0.7


def test_weights_count() -> None:
    """Only the first half counts: its base rate is answered."""
    x, weight = np.zeros((200, 1)), np.r_[np.ones(100), np.full(100, 1e-9)]
    y = np.r_[np.tile([1, 1, 1, 0], 25), np.zeros(100, np.int64)]
    assert fit_classifier("logistic", x, y, weight).predict(x[:1])[0] == pytest.approx(0.75, abs=0.01)


def test_one_class_and_unknown_kinds_are_refused() -> None:
    """Nothing can be learnt from gains alone."""
    x, _, weight = data()
    with pytest.raises(BadInput, match="gains and losses"):
        fit_classifier("logistic", x, np.ones(400, np.int64), weight)
    with pytest.raises(BadInput, match="kind must be one of"):
        fit_classifier("oracle", *data())
    with pytest.raises(StoreError, match="oracle"):
        load_classifier("oracle", {})


def test_an_archive_with_foreign_types_is_refused() -> None:
    """A model file must not be able to bring code along."""
    with pytest.raises(StoreError, match="not trusted"):
        skops_load(skops_bytes(Path("anything")))
    with pytest.raises(StoreError, match="cannot be read"):
        skops_load(b"no archive")
