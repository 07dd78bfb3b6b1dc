"""What tonight's approvals rest on: ids of data, code, parameters and universe, from the lake's records."""

from collections.abc import Mapping

from resources.store import Store
from trading.market.errors import MissingData
from trading.market.lineage import Version, code_version, digest, params_json
from trading.store.lake import Lake


def grounds(store: Store, params: Mapping[str, object]) -> dict[str, str | None]:
    """Return `trading.market.lineage.GROUNDS` of what the newest backtest results were made from.

    `data_id` is the version of `ohlcv_days` (every day of candles by content), `universe_id` that of
    `backtest_universe`: both are asked for by `sluice lineage`. `parameters_id` is a digest of the parameters
    of signals, backtest and gate (`params`); they stand in full in those versions.
    """
    lake = store.lake
    results = lake.latest("backtest_results")
    if results is None:
        raise MissingData("no backtest results yet: materialise backtest_results first")
    signals = _version(lake, results, "signals")
    told = [results.params, params_json(params), "" if signals is None else signals.params]
    return {
        "data_id": _id(_candles(lake, results)),
        "code_id": code_version(),
        "parameters_id": f"par-{digest(*told)}",
        "universe_id": _id(_version(lake, results, "backtest_universe")),
    }


def _candles(lake: Lake, results: Version) -> Version | None:
    bars = _version(lake, results, "indicators")
    return None if bars is None else _version(lake, bars, "ohlcv_days")


def _version(lake: Lake, made: Version, asset: str) -> Version | None:
    named = next((name for name in made.inputs if name.startswith(f"v-{asset}-")), None)
    return None if named is None else lake.version(named)


def _id(version: Version | None) -> str | None:
    return None if version is None else version.version_id
