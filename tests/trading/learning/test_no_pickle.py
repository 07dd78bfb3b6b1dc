"""No file of ours can run code when it is loaded: pickle and its kin are banned from the whole source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BANNED = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "orbax",
    "torch",
    "jsonpickle",
}
FOLDERS = ("trading", "assets", "resources", "pipelines", "interfaces")


def offences(source: str) -> Iterator[str]:
    """Yield what loads, or could load, pickled objects."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in BANNED)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
            yield from (name for name in names if name.split(".")[0] in BANNED)
        elif isinstance(node, ast.Attribute) and node.attr in {"read_pickle", "to_pickle"}:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not _is_false(node.value):
            yield node.arg


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_no_source_file_loads_pickled_objects() -> None:
    """Models are skops archives without foreign types, LightGBM text, safetensors, plain arrays and JSON."""
    found = {
        str(path.relative_to(ROOT)): names
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if (names := list(offences(path.read_text())))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import orbax.checkpoint as saved",
        "import torch; torch.load(p)",
        "import joblib.numpy_pickle as j",
        "from sklearn.externals import joblib",
        "from cloudpickle import loads",
        "import numpy as np; np.load(p, allow_pickle=True)",
        "pd.read_pickle(p)",
        "def f():\n    import dill",
    ],
)
def test_the_ban_notices_each_way_in(source: str) -> None:
    """A test that cannot fail bans nothing."""
    assert list(offences(source))
