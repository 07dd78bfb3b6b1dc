"""Run freqtrade's own backtest on our candles and strategy file, without a network; write its trades as JSON.

Started by freqtrade's interpreter, in an environment of its own (freqtrade is GPL: nothing of it is imported
by this project, and this file only starts it as a program). ccxt is told its markets from a file, so that no
address is asked. See docs/reference/backtest.md for the commands.

    FTENV/bin/python scripts/freqtrade_run.py --candles F.parquet --strategy F.toml --out trades.json
        [--markets F.json] [--fee 0.001] [--slots N] [--wallet W]
"""

import argparse
import json
import re
import resource
import runpy
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

STRATEGY = """
import tomllib
import talib.abstract as ta
from freqtrade.strategy import IStrategy

RULES = tomllib.load(open({toml!r}, "rb"))
RISK = RULES["risk"]
TRAIL = RISK.get("trailing")
HOLD = {hold}


class Peer(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = {timeframe!r}
    can_short = False
    process_only_new_candles = True
    startup_candle_count = RULES.get("startup", 0)
    minimal_roi = RISK.get("roi", {{}})
    stoploss = -RISK["stoploss"]
    trailing_stop = TRAIL is not None
    if TRAIL is not None:
        trailing_stop_positive = TRAIL["stop"]
        trailing_stop_positive_offset = TRAIL["offset"]
        trailing_only_offset_is_reached = True
    use_exit_signal = True

    @property
    def protections(self):
        return {protections!r}

    def populate_indicators(self, df, metadata):
        for name in {columns!r}:
            kind, length = name.rsplit("_", 1)
            df[name] = getattr(ta, kind.upper())(df, timeperiod=int(length))
        return df

    def populate_entry_trend(self, df, metadata):
        df.loc[df.eval({entry!r}), "enter_long"] = 1
        return df

    def populate_exit_trend(self, df, metadata):
        if {exit!r}:
            df.loc[df.eval({exit!r}), "exit_long"] = 1
        return df

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        if HOLD and (current_time - trade.open_date_utc).total_seconds() >= HOLD * 60:
            return "max_hold"
"""
_HOLD = {"m": 1, "h": 60, "d": 1440, "w": 10080}


def main() -> None:
    """Prepare a folder for one run, start freqtrade in this process, write what it reports."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pairs, timeframe = _write_candles(Path(options.candles), work / "data")
        rules = tomllib.loads(Path(options.strategy).read_text())
        _write_strategy(rules, Path(options.strategy).resolve(), work, timeframe)
        _write_config(rules, pairs, timeframe, options, work)
        _offline({} if options.markets is None else json.loads(Path(options.markets).read_text()), pairs)
        before = resource.getrusage(resource.RUSAGE_SELF)
        _start(work, options)
        after = resource.getrusage(resource.RUSAGE_SELF)
        trades, figures = _read(work)
    answer = {
        "trades": trades,
        "figures": figures,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    Path(options.out).write_text(json.dumps(answer))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--candles", "--strategy", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--markets")
    parser.add_argument("--fee", type=float, default=0.001)
    parser.add_argument("--slots", type=int, default=-1)
    parser.add_argument("--wallet", type=float, default=1e9)
    return parser.parse_args()


def _write_candles(path: Path, folder: Path) -> tuple[list[str], str]:
    import pandas as pd

    folder.mkdir()
    frame = pd.read_parquet(path)
    frame["date"] = pd.to_datetime(frame["ts"], utc=True).astype("datetime64[ms, UTC]")
    minutes = int(frame.groupby("symbol")["date"].diff().min().total_seconds() // 60)
    name = next(
        f"{minutes // size}{unit}" for unit, size in [("d", 1440), ("h", 60), ("m", 1)] if minutes % size == 0
    )
    for symbol, own in frame.groupby("symbol", sort=False):
        columns = own[["date", "open", "high", "low", "close", "volume"]].sort_values("date")
        columns.reset_index(drop=True).to_feather(folder / f"{symbol.replace('/', '_')}-{name}.feather")
    return list(dict.fromkeys(frame["symbol"])), name


def _write_strategy(rules: dict, toml: Path, work: Path, timeframe: str) -> None:
    (work / "strategies").mkdir()
    plain = [
        re.sub(r"\b(AND|OR|NOT)\b", lambda m: m[0].lower(), rules.get(side, {}).get("when", ""))
        for side in ("entry", "exit")
    ]
    columns = sorted(set(re.findall(r"\b[a-z]+_\d+\b", " ".join(plain))))
    hold = rules["risk"].get("max_hold")
    text = STRATEGY.format(
        toml=str(toml), hold=0 if hold is None else int(hold[:-1]) * _HOLD[hold[-1]],
        timeframe=timeframe, columns=columns, entry=plain[0], exit=plain[1],
        protections=_protections(rules.get("protections", {})),
    )  # fmt: skip
    (work / "strategies" / "peer.py").write_text(text)


def _minutes(text: str) -> int:
    return int(text[:-1]) * _HOLD[text[-1]]


def _protections(given: dict) -> list[dict]:
    """Return the strategy file's protections by freqtrade's names."""
    names = {
        "cooldown": "CooldownPeriod", "stoploss_guard": "StoplossGuard", "max_drawdown": "MaxDrawdown",
        "low_profit": "LowProfitPairs",
    }  # fmt: skip
    found = []
    for key, rules in given.items():
        one = {"method": names[key], "stop_duration": _minutes(rules["stop"])}
        if "lookback" in rules:
            one |= {"lookback_period": _minutes(rules["lookback"]), "trade_limit": rules["trades"]}
        if key == "stoploss_guard":
            one["only_per_pair"] = rules.get("per_symbol", False)
        if key == "max_drawdown":
            one["max_allowed_drawdown"] = rules["most"]
        if key == "low_profit":
            one["required_profit"] = rules.get("least", 0.0)
        found.append(one)
    return found


def _write_config(
    rules: dict, pairs: list[str], timeframe: str, options: argparse.Namespace, work: Path
) -> None:
    amount = rules["stake"]["amount"]
    config = {
        "stake_currency": pairs[0].split("/")[1],
        "stake_amount": "unlimited" if amount == "slots" else amount,
        "max_open_trades": options.slots,
        "dry_run": True,
        "dry_run_wallet": rules["stake"].get("wallet", options.wallet),
        "timeframe": timeframe,
        "dataformat_ohlcv": "feather",
        "exchange": {"name": "mexc", "key": "", "secret": "", "pair_whitelist": pairs, "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": {"price_side": "same", "use_order_book": False},
        "exit_pricing": {"price_side": "same", "use_order_book": False},
    }
    (work / "config.json").write_text(json.dumps(config))


def _offline(markets: dict, pairs: list[str]) -> None:
    import ccxt.async_support as ccxt

    def market(pair: str) -> dict:
        base, quote = pair.split("/")
        own = {"tick": 1e-8, "step": 1e-8, "min_amount": 0, "min_cost": 0} | markets.get(pair, {})
        number = {name: float(value) for name, value in own.items()}
        limits = {
            "amount": {"min": number["min_amount"] or None, "max": None},
            "price": {"min": None, "max": None},
            "cost": {"min": number["min_cost"] or None, "max": None},
            "leverage": {"min": None, "max": None},
        }
        flags = dict.fromkeys(("margin", "swap", "future", "option", "contract"), False)
        return flags | {
            "id": base + quote, "lowercaseId": (base + quote).lower(), "symbol": pair,
            "base": base, "quote": quote, "settle": None, "baseId": base, "quoteId": quote, "settleId": None,
            "type": "spot", "spot": True, "active": True, "linear": None, "inverse": None,
            "taker": 0.001, "maker": 0.001, "contractSize": None, "limits": limits, "info": {},
            "precision": {"amount": number["step"], "price": number["tick"]},
            "percentage": True, "tierBased": False,
        }  # fmt: skip

    async def load(self, reload=False, params=None):  # noqa: ARG001 - ccxt's signature
        self.set_markets([market(pair) for pair in pairs])
        return self.markets

    ccxt.mexc.load_markets = load


def _start(work: Path, options: argparse.Namespace) -> None:
    sys.argv = [
        "freqtrade", "backtesting", "-c", str(work / "config.json"), "--datadir", str(work / "data"),
        "--userdir", str(work), "--strategy-path", str(work / "strategies"), "-s", "Peer", "--cache", "none",
        "--fee", str(options.fee), "--enable-protections", "--export", "trades",
        "--backtest-directory", str(work / "out"),
    ]  # fmt: skip
    (work / "out").mkdir()
    try:
        runpy.run_module("freqtrade", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise


def _read(work: Path) -> tuple[list[dict], dict[str, float]]:
    packs = sorted((work / "out").glob("*.zip"))
    with zipfile.ZipFile(packs[-1]) as packed:
        plain = [n for n in packed.namelist() if n.endswith(".json") and not n.endswith("_config.json")]
        report = next(r for r in (json.loads(packed.read(n)) for n in plain) if "strategy" in r)
    wanted = (
        "pair",
        "open_date",
        "close_date",
        "open_rate",
        "close_rate",
        "amount",
        "profit_ratio",
        "exit_reason",
    )
    found = report["strategy"]["Peer"]
    figures = {key: value for key, value in found.items() if isinstance(value, int | float)}
    return [{key: trade[key] for key in wanted} for trade in found["trades"]], figures


if __name__ == "__main__":
    main()
