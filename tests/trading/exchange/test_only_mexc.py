"""ccxt is imported without the exchanges that we do not use, and stays whole for whoever wants it."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _told(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_engine_imports_no_other_exchange() -> None:
    """What an engine imports holds ccxt's MEXC and none of its other exchanges."""
    code = (
        "import sys, trading.execution.run\n"
        "print(sorted(n for n in sys.modules if n.startswith('ccxt') and n.count('.') == 1)"
        ", 'ccxt.async_support.mexc' in sys.modules, 'ccxt.async_support.binance' in sys.modules)"
    )
    assert _told(code) == "['ccxt.abstract', 'ccxt.base', 'ccxt.protobuf'] True False"


def test_ccxt_imported_afterwards_is_whole_and_of_the_same_classes() -> None:
    """A script that imports ccxt after ours finds every exchange, and one class of MEXC, not two."""
    code = (
        "from trading.exchange.only_mexc import mexc, BaseError, Exchange\n"
        "import ccxt, ccxt.async_support, ccxt.pro\n"
        "print(ccxt.async_support.mexc is mexc, ccxt.BaseError is BaseError, ccxt.Exchange is Exchange,"
        " issubclass(ccxt.pro.mexc, mexc), len(ccxt.exchanges) > 90, hasattr(ccxt, 'binance'))"
    )
    assert _told(code) == "True True True True True True"


def test_ccxt_imported_before_is_left_as_it_is() -> None:
    """Where ccxt is there already, ours takes its classes and touches no package."""
    code = (
        "import ccxt.async_support, ccxt, sys\n"
        "from trading.exchange.only_mexc import mexc\n"
        "print(sys.modules['ccxt'] is ccxt, ccxt.async_support.mexc is mexc)"
    )
    assert _told(code) == "True True"


def test_only_one_module_of_the_house_imports_ccxt() -> None:
    """A second place that imports ccxt by itself would bring every exchange back into memory."""
    found = {
        str(path.relative_to(ROOT))
        for room in ("trading", "resources", "assets", "pipelines", "interfaces")
        for path in (ROOT / room).rglob("*.py")
        if any(_is_of_ccxt(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found == {"trading/exchange/only_mexc.py"}


def _is_of_ccxt(node: ast.AST) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
    return any(name.split(".")[0] == "ccxt" for name in names)
