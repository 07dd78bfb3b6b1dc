"""`sluice backtest`: what it prints and writes, and how a person's mistakes are told."""

import json
from pathlib import Path

import polars as pl
import pytest

from interfaces.cli.main import run

STRATEGY = """startup = 2
[entry]
when = "close == 99"
[risk]
stoploss = 0.02
roi = { "0" = 0.03 }
[stake]
amount = 100
[costs]
half_spread = 0
slippage = 0
impact = 0
"""
# Signal on bar 3 (its close is 99), entry at 99 on bar 4; the stop is 97.02, and bar 5 opens below it.
BARS = [
    (100, 101, 99, 100),
    (100, 101, 99, 100),
    (100, 101, 99, 100),
    (100, 101, 99, 99),
    (99, 100, 98.5, 100),
    (96, 97.5, 95, 97),
    (100, 101, 99, 100),
]


@pytest.fixture(autouse=True)
def _no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of a test are nobody's."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with candles.parquet and rules.toml."""
    rows = [("A/USDT", place * 300_000, *prices, 1000.0) for place, prices in enumerate(BARS)]
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    pl.DataFrame(rows, schema=names, orient="row", strict=False).write_parquet(tmp_path / "candles.parquet")
    (tmp_path / "rules.toml").write_text(STRATEGY)
    return tmp_path


def ask(files: Path, *more: str) -> int:
    """Run the command on the folder's files."""
    return run(
        [
            "backtest",
            "--candles",
            str(files / "candles.parquet"),
            "--strategy",
            str(files / "rules.toml"),
            "--fee",
            "0",
            *more,
        ]
    )


CANDLES = {
    "no bar at all": (lambda rows: [], "candles must have at least two bars per symbol, found none at all"),
    "one bar": (lambda rows: rows[:1], "candles must have at least two bars per symbol, A/USDT has one"),
    "a NaN": (lambda rows: _changed(rows, 2, 2, float("nan")), "row 2: a bar must have 0 < low"),
    "a zero price": (lambda rows: _changed(rows, 3, 4, 0.0), "row 3: a bar must have 0 < low"),
    "a negative volume": (lambda rows: _changed(rows, 3, 6, -1.0), "row 3: a bar must have 0 < low"),
    "high below low": (lambda rows: _changed(rows, 1, 3, 50.0), "row 1: a bar must have 0 < low"),
    "a bar twice": (lambda rows: [*rows, rows[-1]], "A/USDT at 1800000 ms stands twice"),
    "unsorted": (lambda rows: [*rows, rows[1]], "A/USDT at 300000 ms comes after a later one"),
}


def _changed(rows: list[tuple], row: int, place: int, value: float) -> list[tuple]:
    found = [list(each) for each in rows]
    found[row][place] = value
    return [tuple(each) for each in found]


@pytest.mark.parametrize(("change", "message"), CANDLES.values(), ids=CANDLES.keys())
def test_candles_that_no_market_printed_are_one_sentence_and_write_nothing(
    files: Path, change, message: str, capsys
) -> None:
    """The first such row is named; neither trades nor fills nor a page are written."""
    frame = pl.read_parquet(files / "candles.parquet").cast(
        dict.fromkeys(("open", "high", "low", "close"), pl.Float64)
    )
    pl.DataFrame(change(frame.rows()), schema=frame.schema, orient="row").write_parquet(
        files / "candles.parquet"
    )
    outs = [files / name for name in ("trades.parquet", "fills.parquet", "page.html")]
    asked = [part for flag, path in zip(("--out", "--fills", "--html"), outs, strict=True)
             for part in (flag, str(path))]  # fmt: skip
    assert ask(files, *asked) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not any(path.exists() for path in outs)


def test_a_wrong_value_is_wrong_use_behind_options_of_the_whole_program_too(
    files: Path, capsys, monkeypatch
) -> None:
    """`sluice --log-level info backtest …` says the same as without: one sentence, exit code 2."""
    monkeypatch.setenv("SLUICE_LOG_LEVEL", "info")  # the option sets it; put back afterwards
    asked = ["--candles", str(files / "candles.parquet"), "--strategy", str(files / "rules.toml")]
    assert run(["--log-level", "info", "backtest", *asked, "--fee", "1"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said == ["sluice: fee must lie in [0, 1), was 1.0. Next: sluice backtest --help"]


PARTS = (
    STRATEGY
    + """[[risk.partial]]
at = 0.001
share = 0.5
"""
)


def test_fills_are_written_and_mode_freqtrade_says_that_it_cannot(files: Path, capsys) -> None:
    """Entry at 99, half sold when 99.099 is passed in bar 4, the rest at the gap of bar 5."""
    (files / "rules.toml").write_text(PARTS)
    assert ask(files, "--fills", str(files / "fills.parquet"), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    fills = pl.read_parquet(files / "fills.parquet")
    assert fills["reason"].to_list() == ["entry", "partial", "stop_loss"]
    assert fills["rate"].to_list() == [99.0, 99.099, 96.0]
    assert [(fill["reason"], fill["rate"]) for fill in report["fills"]] == list(
        fills.select("reason", "rate").iter_rows()
    )
    assert (list(report["modes"]), report["fragility"]) == (["default"], None)
    assert ask(files) == 0  # without --fills too, as a table
    assert "buys and sales by reason" in capsys.readouterr().out
    assert ask(files, "--mode", "freqtrade") == 2
    assert "mode freqtrade does not know entry.add and risk.partial" in capsys.readouterr().err


@pytest.mark.parametrize(("mode", "rate"), [("default", 96.0), ("freqtrade", 97.1)])
def test_the_gap_through_a_stop_costs_what_each_mode_says(
    files: Path, mode: str, rate: float, capsys
) -> None:
    """We leave at the open of 96; freqtrade at its stop, 97.02 rounded up to the tick of its candles, 0.1.

    Profits: 96/99 - 1 and 97.1/99 - 1; the difference is the fragility, 1.1/99.
    """
    assert ask(files, "--mode", mode, "--out", str(files / "trades.parquet"), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    trade = pl.read_parquet(files / "trades.parquet").row(0, named=True)
    assert (trade["symbol"], trade["exit_reason"], trade["open_rate"]) == ("A/USDT", "stop_loss", 99.0)
    assert trade["close_rate"] == rate
    assert trade["profit_ratio"] == pytest.approx(rate / 99 - 1)
    assert trade["open_ts"].timestamp() == 4 * 300
    assert report["fragility"]["gap"] == pytest.approx(1.1 / 99)
    assert report["trades"] == 1


def test_the_first_columns_are_those_of_the_documented_format(files: Path) -> None:
    """A reader of the file may count on names and order."""
    assert ask(files, "--out", str(files / "t.parquet"), "--json") == 0
    wanted = [
        "symbol",
        "open_ts",
        "close_ts",
        "open_rate",
        "close_rate",
        "amount",
        "profit_ratio",
        "exit_reason",
    ]
    assert pl.read_parquet(files / "t.parquet").columns[:8] == wanted


def test_a_person_sees_both_modes_and_how_trades_ended(files: Path, capsys) -> None:
    """Tables, not only numbers."""
    assert ask(files) == 0
    out = capsys.readouterr().out
    for word in ("freqtrade", "default", "stop_loss", "fragility"):
        assert word in out


def test_no_trade_is_an_answer(files: Path, capsys) -> None:
    """A condition that never holds: no trades, no error."""
    (files / "rules.toml").write_text(STRATEGY.replace("close == 99", "close < 1"))
    assert ask(files) == 0
    assert "No trade" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (("stoploss", "stoplos"), [], "rules.toml:5: unknown key 'stoplos'"),
        (("close == 99", "clse == 99"), [], "rules.toml:3: entry.when"),
        (("stoploss = 0.02", "stoploss = 1"), [], "rules.toml:5: risk.stoploss must be a number between 0"),
        (
            ("impact = 0", "impact = 0\nfee = 1"),
            [],
            "rules.toml:13: costs.fee must be a number from 0 to 0.5",
        ),
        (None, ["--fee", "1"], "fee must lie in [0, 1), was 1.0"),
        (None, ["--slots", "-2"], "slots must be 0 (no limit) or more, was -2"),
        (
            None,
            ["--slots", "99999999999999999999"],
            "slots must be at most 1,000,000, was 99999999999999999999",
        ),
        (None, ["--mode", "fast"], "--mode must be default or freqtrade, was 'fast'"),
        (None, ["--markets", "/nowhere.json"], "/nowhere.json cannot be read as JSON"),
        (None, ["--out", "/nowhere/t.parquet"], "trades cannot be written to /nowhere/t.parquet"),
    ],
)
def test_a_mistake_is_one_sentence_and_wrong_use(
    files: Path, change, more: list[str], message: str, capsys
) -> None:
    """On stderr, with the value and the bound; exit code 2, but 1 for what the disk refused."""
    if change is not None:
        (files / "rules.toml").write_text(STRATEGY.replace(*change))
    assert ask(files, *more) == (1 if "--out" in more else 2)
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_page_shows_both_fill_models(files, capsys):
    """One trade at 99, out at the gap of 96: -3.03 % in one mode, -2 % in the other, one file."""
    assert ask(files, "--html", str(files / "page.html"), "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["trades"] == 1
    assert "wrote" in captured.err
    page = (files / "page.html").read_text()
    assert "Fill models" in page
    assert "freqtrade" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
