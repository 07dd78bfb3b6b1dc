"""A seed says everything: another process, held to one core, writes the same bytes."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from bench.taught import NAMES, taught_market
from trading.learning.deep.lesson import Learning, Lesson
from trading.learning.models import fit_classifier

pytest.importorskip("jax", reason="the extra ai is not installed: make ai")

ROOT = Path(__file__).resolve().parents[4]


def digests() -> list[str]:
    """Hashes of the files of a network of features and of a policy."""
    from trading.learning.deep.ppo import teach

    x = np.random.default_rng(0).normal(size=(300, 8))
    x[::7, 2] = np.nan
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    world = taught_market(5, symbols=4, bars=400)
    lesson = Lesson(world.job, world.features, NAMES, world.probability, world.older)
    files = [fit_classifier(kind, x, y, np.ones(300)).to_files() for kind in ("mlp",)]
    files.append(teach(lesson, Learning(steps=30_000)).to_files())
    return [sha256(repr(each).encode()).hexdigest() for each in files]


def test_another_process_on_one_core_writes_the_same_bytes() -> None:
    """Nothing hangs on the number of threads, the time of day or the order of a dictionary."""
    code = f"""
import importlib.util as util, os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
spec = util.spec_from_file_location("made", {str(Path(__file__))!r})
made = util.module_from_spec(spec)
spec.loader.exec_module(made)
print(*made.digests())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
        cwd=ROOT,
    )
    assert done.stdout.split() == digests()
