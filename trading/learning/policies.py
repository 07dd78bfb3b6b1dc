"""Policies on disk: only one that passed its gate is kept, named by content, checked by byte on every load.

Layout under the root: ``<policy_id>/manifest.json`` and the policy's files; ``policies.jsonl`` says which one
is asked. Knows nothing of the extra `ai` until a policy is loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trading.learning.dataset import Floats
from trading.learning.journal import LINE, MAX_AGE
from trading.market.errors import BadInput, NoVersion, StoreError
from trading.market.lineage import digest, params_json
from trading.store.files import locked, make_folder, publish_directory, unique_name
from trading.store.lines import append_lines, last_line, read_lines

if TYPE_CHECKING:
    from trading.learning.deep.policy import Policy
    from trading.learning.deep.policy_gate import PolicyEvaluation


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """A registered policy as signals ask it (`trading.signals.predictor.Advice`)."""

    policy_id: str
    weight: float
    known_at: datetime
    policy: "Policy" = field(repr=False)
    is_sizing: bool = False

    def expected(self, features: pl.DataFrame, probability: Floats) -> Floats:
        """Return the net return that the policy expects of each entry; NaN where it cannot say.

        Raises
        ------
        BadInput
            If a column is missing.
        """
        worth = self.policy.expected(self._seen(features, probability))
        return np.where(np.isfinite(worth), worth, np.nan)

    def sizes(self, features: pl.DataFrame, probability: Floats) -> Floats:
        """Return the part of the rules' stake it takes of each entry, in [0, 1]; raises as `expected`."""
        multiplier, _ = self.policy.act(self._seen(features, probability))
        return np.clip(multiplier, 0.0, 1.0)

    def _seen(self, features: pl.DataFrame, probability: Floats) -> Floats:
        missing = [name for name in self.policy.features if name not in features.columns]
        if missing:
            raise BadInput(f"policy {self.policy_id} needs columns {', '.join(missing)}")
        x = features.select(pl.col(name).cast(pl.Float64) for name in self.policy.features).to_numpy()
        return at_signals(np.where(np.isinf(x), np.nan, x), probability)


def at_signals(features: Floats, probability: Floats) -> Floats:
    """Return what a policy sees where a signal stands and nothing is held: `observation.waiting`, by row."""
    from trading.learning.deep.observation import STATE  # noqa: PLC0415 - the room of the extra

    state = np.zeros((len(features), STATE))
    state[:, -1] = (probability - 0.5) * 4.0
    return np.hstack([features, state])


def is_sizing(core: Mapping[str, Any]) -> bool:
    """Whether a kept policy's sizes are followed; one kept before that was asked has none."""
    return bool((core.get("sizes") or {}).get("is_earned"))


class PolicyRegistry:
    """Keeps policies under `root`; `max_age` is how long one may be asked without a successor."""

    def __init__(self, root: Path, max_age: timedelta = MAX_AGE) -> None:
        self._root, self._max_age = root, max_age

    @property
    def _record(self) -> Path:
        return self._root / "policies.jsonl"

    def register(
        self, found: "PolicyEvaluation", at: datetime, *, feature_version: str, by: str = LINE
    ) -> str:
        """Keep a policy that passed every rule of its gate, and ask it from `at` on; return its id.

        Raises as `keep` does.
        """
        policy_id = self.keep(found, at, feature_version=feature_version)
        self.ask(policy_id, at, by=by, why=found.reason)
        return policy_id

    def ask(self, policy_id: str, at: datetime, *, by: str = LINE, why: str) -> None:
        """Ask a kept policy from `at` on: one row of the record."""
        self._note("registered", policy_id, at, by, why, policy_id)

    def keep(self, found: "PolicyEvaluation", at: datetime, *, feature_version: str) -> str:
        """Write down a policy that passed every rule of its gate; return its id. Nobody asks it yet.

        Raises
        ------
        BadInput
            If it was not promoted.
        """
        if str(found.verdict) != "promoted" or found.policy is None or found.fit is None:
            raise BadInput(
                f"only a promoted policy is registered, this one is {found.verdict}: {found.reason}"
            )
        files = found.policy.to_files()
        core = {
            "features": list(found.policy.features),
            "feature_version": feature_version,
            "weight": found.fit.weight,
            "uplift": found.fit.uplift,
            "p_value": found.fit.p_value,
            "sizes": None if found.sizes is None else asdict(found.sizes),
            "files": {name: sha256(data).hexdigest() for name, data in sorted(files.items())},
        }
        policy_id = f"pol-{digest(params_json(core))}"
        told = {"verdict": str(found.verdict), "reason": found.reason, "table": found.table.to_dicts()}
        manifest = {"policy_id": policy_id, "core": core, "created_at": at.isoformat()} | told
        self._write(
            policy_id, files | {"manifest.json": json.dumps(manifest, indent=1, default=str).encode()}
        )
        return policy_id

    def start_watch(self, watch: Mapping[str, Any], at: datetime, why: str) -> None:
        """Begin a shadow period (`policy_shadow.Watch.to_dict`).

        Raises
        ------
        BadInput
            If another one is going on.
        """
        if self.watch() is not None:
            raise BadInput("a policy is in its shadow period; one at a time")
        now = self.standing()
        asked = None if now is None else now[0]
        self._note("shadow_started", watch["policy_id"], at, LINE, why, asked, watch)

    def end_watch(self, at: datetime, *, is_passed: bool, why: str) -> None:
        """Write down the verdict of the shadow period, once; who passed is asked by another row."""
        watch, now = self.watch(), self.standing()
        if watch is None:
            raise BadInput("no policy is in its shadow period")
        event = "shadow_passed" if is_passed else "shadow_failed"
        self._note(event, watch["policy_id"], at, LINE, why, None if now is None else now[0], {})

    def watch(self) -> dict[str, Any] | None:
        """Return the shadow period that is going on, as it was declared; None if none is."""
        newest = last_line(self._record)
        return None if newest is None else newest.get("watch") or None

    def retire(self, at: datetime, *, by: str, why: str) -> str:
        """Ask no policy any more; return which one was asked.

        Raises
        ------
        NoVersion
            If none is.
        """
        now = self.standing()
        if now is None:
            raise NoVersion("no policy is asked: there is none to retire")
        self._note("retired", None, at, by, why, None)
        return now[0]

    def standing(self) -> tuple[str, datetime] | None:
        """Return which policy is asked and since when; None if none is."""
        newest = last_line(self._record)
        # A record of before there were shadow periods names in each line the policy that is asked after it.
        told = None if newest is None else newest.get("asked", newest["policy_id"])
        if newest is None or told is None:
            return None
        return str(told), datetime.fromisoformat(newest.get("since") or newest["at"])

    def is_expired(self, at: datetime) -> bool:
        """Whether a policy is registered and too old to be asked at `at`."""
        now = self.standing()
        return now is not None and at - now[1] > self._max_age

    def present(self, at: datetime, feature_version: str) -> KeptPolicy | None:
        """Return the policy ready for use; None if there is none, it is too old, or it earned no say.

        Raises
        ------
        StoreError
            If its files were altered, or it was taught on other features.
        MissingData
            If reading it needs the extra `ai` and that is not installed.
        """
        now = self.standing()
        if now is None or self.is_expired(at):
            return None
        core = self.manifest(now[0])["core"]
        if core["feature_version"] != feature_version:
            said = f"was taught on features {core['feature_version']}, these are {feature_version}"
            raise StoreError(f"policy {now[0]} {said}")
        return self.load(now[0]) if core["weight"] > 0 or is_sizing(core) else None

    def load(self, policy_id: str) -> KeptPolicy:
        """Return a kept policy after checking every byte against its manifest; raises as `present` does."""
        manifest = self.manifest(policy_id)
        files = {}
        for name, expected in manifest["core"]["files"].items():
            path = self._root / policy_id / name
            files[name] = path.read_bytes() if path.exists() else b""
            if sha256(files[name]).hexdigest() != expected:
                raise StoreError(f"policy {policy_id}: {name} is not the file that was saved")
        from trading.learning.deep.policy import Policy  # noqa: PLC0415 - numba and the extra: seconds

        known_at = datetime.fromisoformat(manifest["created_at"])
        core = manifest["core"]
        policy = Policy.from_files(files)
        return KeptPolicy(policy_id, float(core["weight"]), known_at, policy, is_sizing(core))

    def manifest(self, policy_id: str) -> dict[str, Any]:
        """Return a policy's manifest, checked against its id."""
        path = self._root / policy_id / "manifest.json"
        if not path.exists():
            raise NoVersion(f"no policy {policy_id} under {self._root.name}/")
        manifest: dict[str, Any] = json.loads(path.read_text())
        if f"pol-{digest(params_json(manifest['core']))}" != policy_id:
            raise StoreError(f"policy {policy_id}: its manifest is not the one that was saved")
        return manifest

    def history(self) -> list[dict[str, Any]]:
        """Return who registered or retired which policy when, and why; oldest first."""
        return read_lines(self._record)

    def _note(
        self,
        event: str,
        policy_id: str | None,
        at: datetime,
        by: str,
        why: str,
        asked: str | None,
        watch: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one event; each line carries how things stand after it. `watch`: None leaves it as it is."""
        make_folder(self._root)
        with locked(self._record.with_suffix(".lock")):
            now, going_on = self.standing(), self.watch()
            is_kept = now is not None and now[0] == asked and event != "registered"
            row = {"at": at.isoformat(), "event": event, "policy_id": policy_id, "by": by, "why": why}
            row |= {"asked": asked, "since": now[1].isoformat() if is_kept and now else at.isoformat()}
            append_lines(self._record, [row | {"watch": going_on if watch is None else dict(watch) or None}])

    def _write(self, policy_id: str, files: dict[str, bytes]) -> None:
        ready = self._root / f".new-{unique_name(policy_id)}"
        make_folder(ready)
        for name, data in files.items():
            (ready / name).write_bytes(data)
        publish_directory(ready, self._root / policy_id)
