"""`sluice explain`: why one signal said what it said, as it was decided; nothing is computed again."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.store.lake import Lake

app = typer.Typer(help="Why a signal said what it said: features, bound, regime, model.")
_NEWEST = 5
_TOLD = (
    *("symbol", "open_time", "strategy", "is_candidate", "is_entry", "is_exit", "reason", "score", "close"),
    *("regime", "regime_why", "threshold", "threshold_why", "probability", "model_threshold"),
    *("model_threshold_why", "expected_return", "model_weight", "is_novel", "novelty", "novel_why"),
    *("policy_return", "policy_weight", "policy_size", "policy_id", "model_id", "screening_id"),
)
# Of its row in the ledger, as it was written when it was decided.
_DECIDED = (
    *("decision_id", "decided_at", "stage", "reason", "is_taken", "is_explored", "propensity"),
    *("policy_id", "policy_size", "signal_set_id"),
)


@app.command()
def explain(
    signal_id: Annotated[str, Argument(help="A signal's id, sig-…", metavar="SIGNAL_ID")],
    as_json: AsJson = False,
) -> None:
    """Print what a signal rests on: its bound, the market's regime, the model and the features that moved it.

    Example: sluice explain sig-0011223344556677-0123456789ab
    """
    from resources.learning import Learning
    from resources.order_log import OrderLogResource
    from resources.store import Store
    from resources.teaching import taught_model

    found = explained(Store().lake, signal_id)
    asked = found["signal"].get("model_id")
    found["model"] = _model(Learning(), asked)
    found["decision"] = _decision(signal_id)
    found["taught_by"] = taught_model(Learning(), OrderLogResource(), asked).to_dicts()
    if as_json:
        print_json(found)
        return
    rows = [{"": name, "is": value} for name, value in found["signal"].items() if value is not None]
    print_table(rows, title=found["signal_id"])
    if found["decision"] is not None:
        print_table([{"": name, "is": value} for name, value in found["decision"].items()], title="Decided")
    print_table(
        found["top_features"], title="What moved the model most (log-odds)", empty="no model was asked"
    )
    if found["model"] is not None:
        print_table([{"": name, "is": value} for name, value in found["model"].items()], title="The model")
        _print_taught(found)
    print(f"what it came from and led to: sluice lineage {found['signal_id']}")


def _print_taught(found: dict[str, Any]) -> None:
    """Name the newest decisions that taught the model and were traded, with the trades; say how to go on."""
    rows = [row | {"trades": ", ".join(row["trades"])} for row in found["taught_by"][:_NEWEST]]
    names = ("signal_id", "symbol", "decided_at", "source", "net_return", "users", "exits", "trades")
    count = len(found["taught_by"])
    print_table(rows, names, title=f"Trades that taught it: {count} decisions", empty="none: candles alone")
    print(f"all it was taught: sluice datasets show {found['model'].get('dataset_id', 'DATASET')}")
    if rows:
        print(f"one of them: sluice explain {rows[0]['signal_id']}")
        print(f"its trades, orders and fills: sluice lineage {rows[0]['signal_id']}")


def explained(lake: "Lake", signal_id: str) -> dict[str, Any]:
    """Return the row of a signal in its own version of the table, with its features taken apart.

    Raises
    ------
    BadInput
        If the id is not a signal's.
    NoVersion
        If nobody published it.
    """
    import json

    from trading.market.errors import BadInput

    if not signal_id.startswith("sig-"):
        raise BadInput(f"a signal's id begins with sig-, was {signal_id!r}")
    version, found = lake.find_row(signal_id)
    row = found.row(0, named=True)
    told = row.get("top_features")
    return {
        "signal_id": signal_id,
        "version": version.version_id,
        "signal": {name: row[name] for name in _TOLD if name in row},
        "top_features": json.loads(told) if told else [],
        "features": {name: value for name, value in row.items() if name.startswith("f_")},
    }


def _decision(signal_id: str) -> dict[str, Any] | None:
    """Return what the ledger says was decided on it, as it was written then; None if nothing was."""
    from resources.decisions import ledger
    from trading.trade_pool.snapshots import Snapshots

    found = Snapshots(ledger("")).of_signal(signal_id)
    return None if found is None else {name: found[name] for name in _DECIDED if found[name] is not None}


def _model(learning: Any, model_id: str | None) -> dict[str, Any] | None:
    """Return where the model came from; None without one, its id alone where its files are gone."""
    from trading.market.errors import SluiceError

    if model_id is None:
        return None
    try:
        manifest = learning.registry.manifest(model_id)
    except SluiceError as error:
        return {"model_id": model_id, "gone": str(error)}
    core = manifest["core"]
    return {
        "model_id": model_id,
        "kind": core["kind"],
        "trained_at": manifest["created_at"],
        "dataset_id": core["dataset_id"],
        "verdict": manifest.get("verdict"),
        "reason": manifest.get("reason"),
    }
