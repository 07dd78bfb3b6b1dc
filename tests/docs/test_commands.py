"""The commands of README and tutorial, read from the pages and typed; only sizes are others (`SIZES`)."""

import json

import pytest

from tests.docs.checkout import SIZES, Checkout
from tests.docs.markdown import Shown, spoken, steps

TUTORIAL = steps("docs/tutorial.md")
# Where the second run of the line begins; what comes from there on is behind `-m slow`.
AGAIN = next(at for at, step in enumerate(TUTORIAL) if step.text.startswith("SLUICE_STRATEGY="))
MINE = "--candles my/candles.parquet --strategy my/dips.toml"
# What the README's words FILE, ID and the like stand for in the checkout that followed the tutorial.
WORDS = {
    "backtest --candles FILE --strategy FILE.toml": f"backtest {MINE}",
    "report TRADES.parquet --html FILE": "report my/trades.parquet --html my/report.html",
    "screen --show default > mine.toml": "screen --show default > my/chain.toml",
    "screen --chain mine.toml --at 2025-03-01T12:00Z": "screen --chain my/chain.toml",
    "universe --at 2025-03-01T12:00Z": "universe",
    "xray BTC/USDT --html btc.html": "xray BTC/USDT --html my/btc.html",
    "report --line --html pass.html": "report --line --html my/pass.html",
    "research replay --from 2025-03-01 --to 2025-03-07 --set approval.min_trades=12": (
        "research replay --from 2025-03-03 --to 2025-03-03 --set approval.min_trades=12"
    ),
}
# Commands of the README that are not typed here, and the test that does instead.
ELSEWHERE = {
    "make dev": "tests/interfaces/test_dev.py",
    'make run ARGS="--candles FILE_OR_FOLDER"': "tests/interfaces/run/test_options.py",
    "scan": "tests/integration/test_scan_on_embedded_exchange.py: needs a served world",
    "scan --cold": "tests/integration/test_scan_on_embedded_exchange.py",
    "data export candles.parquet": "the tutorial, above",
    "data backfill": "tests/interfaces/test_data_cli.py",
    "data repair": "tests/interfaces/test_data_cli.py",
    "news score --in headlines.csv --out scored.csv": "tests/interfaces/test_news_cli.py",
    "exchange watch BTC/USDT": "tests/interfaces/test_watch_cli.py",
    "exchange verify": "tests/interfaces/test_verify_cli.py",
    "exchange serve --port 8500 --start now": "tests/integration/test_exchange_process.py",
    "search grid --candles FILE --space FILE": "tests/interfaces/test_search_cli.py",
    "explain SIGNAL_ID": "tests/interfaces/test_models_cli.py",
    "models evaluate --candles FILE --html model.html": "tests/interfaces/test_models_cli.py",
    "models evaluate --kinds logistic,lightgbm,mlp": "tests/interfaces/test_models_cli.py",
    "learn-demo": "tests/interfaces/test_learn_demo.py",
    "ui": "tests/interfaces/ui",
    "stop-entries": "asks for a reason; tests/interfaces/test_halts_cli.py",
    "doctor": "judges this machine, not the command; tests/interfaces/test_looks.py",
    "reconcile": "ends with 1 until every account was checked; tests/interfaces/test_reconcile_cli.py",
    "restore FOLDER": "tests/interfaces/test_backup_cli.py",
    "replay-day": "tests/integration/test_replayed_day.py",
    "lineage ID": "tests/interfaces/test_lineage_cli.py",
    "trade --workers 2": "tests/integration/test_workers.py",
    "trade --metrics-port 9464": "tests/integration/test_engine_on_embedded_exchange.py",
    "rehearse": "minutes of simulated fleet; tests/trading/execution",
    "drill": "tests/interfaces/drill",
    "users add": "asks for an id; tests/interfaces/test_users_keys_cli.py",
    "users import FILE --dry-run": "tests/interfaces/test_users_import_cli.py",
    "bot fake": "tests/interfaces/bot",
    "make ai": "the extra; make test brings it",
    "make test": "is what runs this",
    "make check": "runs before this in CI",
    "make bench": "tests/bench",
}


def bare(step: Shown) -> str:
    return step.text.removeprefix(".venv/bin/sluice ")


def typed(step: Shown) -> Shown:
    return Shown(step.page, step.text.replace(bare(step), WORDS.get(bare(step), bare(step))))


README = [step for step in (*steps("README.md"), *spoken("README.md")) if bare(step) not in ELSEWHERE]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A checkout in which the tutorial was followed up to the backtest, and what each step printed."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    return checkout, [(step, checkout.follow(step)) for step in TUTORIAL[:AGAIN]]


def test_the_tutorial_works_up_to_the_reader_s_own_backtest(followed):
    """Each step ends well; the run shows its funnel, the backtest both modes, the ledger counts the try."""
    checkout, ended = followed
    assert len(ended) >= 9
    assert [(step.text, end.stderr[-500:]) for step, end in ended if end.returncode != 0] == []
    said = {step.text: end.stdout for step, end in ended}
    assert "Funnel" in ended[0][1].stdout
    backtest = next(text for command, text in said.items() if "sluice backtest" in command)
    assert "freqtrade" in backtest
    assert "dips" in backtest
    assert (checkout.folder / "my/dips.html").stat().st_size > 5_000
    tried = checkout.type(".venv/bin/sluice trials --json").stdout
    assert "dips" in json.dumps(json.loads(tried))


def test_the_readme_s_first_command_is_the_tutorial_s_but_for_its_size():
    """So that the one run above stands for both."""
    assert SIZES[README[0].text] == SIZES[TUTORIAL[0].text]


def test_what_is_not_typed_is_still_a_command_of_the_readme():
    """A line that left the README leaves these lists, too."""
    shown = {bare(step) for step in (*steps("README.md"), *spoken("README.md"))}
    assert {*ELSEWHERE, *WORDS} - shown == set()
    assert (
        set(SIZES) - {step.text for step in (*steps("README.md"), *spoken("README.md"), *TUTORIAL)} == set()
    )


@pytest.mark.slow
def test_the_rest_of_the_tutorial_and_of_the_readme_works(followed):
    """The line runs the reader's strategy, then every command of the README that nothing else types."""
    checkout, _ = followed
    rest = [*TUTORIAL[AGAIN:], *(typed(step) for step in README[1:])]
    prepared = checkout.type(f".venv/bin/sluice backtest {MINE} --out my/trades.parquet")
    assert prepared.returncode == 0
    ended = [(step, checkout.follow(step)) for step in rest]
    failed = [f"{step.text}: {end.returncode} {end.stderr[-200:]}" for step, end in ended if end.returncode]
    assert not failed, "\n".join(failed)
