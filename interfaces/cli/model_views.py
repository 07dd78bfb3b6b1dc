"""What `sluice models`, `sluice explain` and `sluice status` say of models: rows for tables, no printing."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from trading.market.errors import BadInput, NoVersion

if TYPE_CHECKING:
    from resources.learning import Learning
    from trading.learning.registry import ModelRegistry

_MIN_SHORT = 7  # "mdl-" and three characters


def standing(registry: "ModelRegistry", at: datetime) -> dict[str, Any]:
    """Return who is champion, whether it can be used, who is watched, and one sentence that says so.

    Loads no model: whether the files are whole is what `sluice models show` and the asset's check say.
    """
    now = registry.journal.standing()
    state = "none" if now.model_id is None else "expired" if registry.is_expired(at) else "champion"
    said = {
        "none": "no champion: the rules trade alone",
        "expired": f"champion {now.model_id} is too old and not asked: the rules trade alone",
        "champion": f"champion {now.model_id} since {now.since:%Y-%m-%d %H:%M}" if now.since else "",
    }[state]
    if now.shadow is not None:
        said += f"; {now.shadow.model_id} in its shadow period of {now.shadow.decisions} decisions"
    told = now.to_dict()
    return {"state": state, "said": said, **told}


def listed(registry: "ModelRegistry") -> list[dict[str, Any]]:
    """Return one row per saved model, newest first."""
    rows = []
    for row in registry.models().to_dicts():
        weight = registry.manifest(row["model_id"])["core"].get("terms", {}).get("blend", {}).get("weight")
        stands = "champion" if row["is_champion"] else "shadow" if row["is_shadow"] else None
        rows.append(row | {"weight": weight, "stands": stands})
    return rows


def shown(
    registry: "ModelRegistry",
    model_id: str,
    drift: list[dict[str, Any]],
    novel: list[dict[str, Any]] | None = None,
    policy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything that is known of one model.

    `policy` as `policies_listed` has it, `novel` as `trading.learning.predictions.novel_rows` counts.
    """
    manifest = registry.manifest(model_id)
    core = manifest["core"]
    terms = core.get("terms", {})
    about = {
        "model_id": model_id,
        "kind": core["kind"],
        "trained_at": manifest["created_at"],
        "dataset_id": core["dataset_id"],
        "feature_version": core["feature_version"],
        "verdict": manifest.get("verdict"),
        "reason": manifest.get("reason"),
        "files": _files(registry, model_id),
        "weight": terms.get("blend", {}).get("weight"),
        "policy": beside(policy, terms.get("blend", {}).get("weight")),
        "veto": _veto(core, next((row for row in novel or [] if row["model_id"] == model_id), None)),
        "shadow_limits": terms.get("limits"),
        "features": core["features"],
        "figures": manifest.get("figures"),
    }
    history = registry.journal.history().to_dicts()
    return {
        "about": about,
        "rules": [row for row in manifest.get("table", []) if row["model"] in (None, core["kind"])],
        "thresholds": _thresholds(terms),
        "history": [row for row in history if row["model_id"] == model_id],
        "drift": [row for row in drift if row["model_id"] == model_id],
    }


def policies_listed(learning: "Learning", at: datetime) -> dict[str, Any]:
    """Return which policy is asked beside the model, or why none, and what was done to policies."""
    kept, now = learning.policies, learning.policies.standing()
    history, watch = kept.history()[::-1], kept.watch()
    nobody = {"policy_id": None, "weight": None, "watched": watch, "history": history}
    if now is None:
        also = "" if watch is None else f"; {watch['policy_id']} in its shadow period"
        return nobody | {"said": f"no policy: rules and model decide{also}"}
    trouble = learning.policy_trouble(at)
    if trouble:
        return nobody | {"policy_id": now[0], "said": f"{trouble}: rules and model go on without it"}
    core = kept.manifest(now[0])["core"]
    sizes = core.get("sizes") or {}
    about = nobody | {"policy_id": now[0], "weight": core["weight"], "sizes": sizes or None}
    if core["weight"] == 0 and not sizes.get("is_earned"):
        return about | {
            "said": f"policy {now[0]} earned no weight (p {core['p_value']:.3g}), no sizes: it is not asked"
        }
    if kept.is_expired(at):
        return about | {"said": f"policy {now[0]} of {now[1]:%Y-%m-%d} is too old and not asked"}
    said = f"policy {now[0]} since {now[1]:%Y-%m-%d %H:%M}, weight {core['weight']:.3g} beside a champion"
    stakes = "its sizes are followed" if sizes.get("is_earned") else "sizes are the rules'"
    return about | {"said": f"{said}; {stakes}"}


def beside(policy: dict[str, Any] | None, weight: float | None) -> str:
    """Return what the registered policy does beside a model of this weight, were it champion."""
    if policy is None or policy["policy_id"] is None:
        return "none"
    said = str(policy["said"])
    if weight is None:
        return f"{said}; this model was saved without a blend: a policy has no say beside it"
    if weight > 0 or "not asked" in said or not policy.get("weight"):
        return said
    return f"{said}; this model has weight 0 and vetoes nothing, so the policy's expectation moves no entry"


def compared(registry: "ModelRegistry", one: str, other: str) -> list[dict[str, Any]]:
    """Return each figure and rule of two models side by side."""
    left, right = (_figures(registry.manifest(name)) for name in (one, other))
    names = list(dict.fromkeys([*left, *right]))
    return [{"figure": name, one: left.get(name), other: right.get(name)} for name in names]


def named(registry: "ModelRegistry", text: str) -> str:
    """Return the id of the model that `text` names or begins.

    Raises
    ------
    NoVersion
        If there is none.
    BadInput
        If several begin so.
    """
    ids = registry.models()["model_id"].to_list()
    begins = [name for name in ids if len(text) >= _MIN_SHORT and name.startswith(text)]
    fits = [text] if text in ids else begins
    if not fits:
        raise NoVersion(f"no model {text!r} here; `sluice models list` names them")
    if len(fits) > 1:
        raise BadInput(f"{text!r} must fit one model, fits {len(fits)}: {', '.join(fits[:5])}")
    return str(fits[0])


def due_in_words(at: datetime) -> str:
    """Return whether a retraining is due now and why, or why not."""
    from resources.learning import Learning
    from resources.retraining import known_at
    from resources.store import Store
    from trading.learning.triggers import due

    found = due(known_at(Store(), Learning(), at))
    return f"{'due' if found.is_due else 'not due'}: {found.said}"


def _files(registry: "ModelRegistry", model_id: str) -> str:
    from resources.standing import damage_of

    return damage_of(registry, model_id) or "whole, every byte as saved"


def _veto(core: dict[str, Any], counted: dict[str, Any] | None) -> str:
    """Return whether it can say what is unlike all it was taught, and how often it did so now."""
    if "novelty.json" not in core["files"]:
        return "none: saved before there was one, it is asked about every row"
    if counted is None:
        return "out-of-distribution; no candidate of the newest signals was held against it"
    return f"out-of-distribution; {counted['novel']} of {counted['candidates']} candidates novel, not asked"


def _thresholds(terms: dict[str, Any]) -> list[dict[str, Any]]:
    from trading.signals.blend import Blend

    if "blend" not in terms:
        return []
    blend = Blend.from_dict(terms["blend"])
    if blend.weight == 0:
        return []
    return [
        {"regime": name, "probability": value, "gain": blend.gain[name], "loss": blend.loss[name]}
        for name, value in blend.thresholds().items()
    ]


def _figures(manifest: dict[str, Any]) -> dict[str, Any]:
    kind = manifest["core"]["kind"]
    told = {"kind": kind, "verdict": manifest.get("verdict"), "dataset_id": manifest["core"]["dataset_id"]}
    rules = {row["rule"]: row["value"] for row in manifest.get("table", []) if row["model"] in (None, kind)}
    return told | dict(manifest.get("figures") or {}) | rules
