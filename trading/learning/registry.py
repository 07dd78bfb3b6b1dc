"""Model files on disk: named by content, never changed; the journal's newest line says who is champion.

Layout under the root: ``<model_id>/manifest.json`` and the model's files; ``evaluations/<id>.json``;
``history.jsonl`` (see `journal`).
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from trading.learning.evaluation import Candidate, Evaluation, Verdict
from trading.learning.journal import LINE, MAX_AGE, Deed, Journal, Standing
from trading.learning.models import load_classifier
from trading.learning.novelty import Novelty
from trading.learning.predictor import ModelPredictor
from trading.learning.shadow import Shadow
from trading.learning.terms import Terms
from trading.market.errors import BadInput, NoVersion, StoreError
from trading.market.lineage import digest, params_json
from trading.store.files import make_folder, write_text

_KEPT = 3  # earlier champions that a rollback can reach


@dataclass(frozen=True, slots=True)
class Champion:
    """Which model is used, since when, and which came before (newest first)."""

    model_id: str
    since: datetime
    before: tuple[str, ...] = ()


class ModelRegistry:
    """Keeps models under `root`; `max_age` is how long a champion may be used without a successor."""

    def __init__(self, root: Path, max_age: timedelta = MAX_AGE) -> None:
        self._root = root
        self._max_age = max_age

    @property
    def journal(self) -> Journal:
        """What was done to models, when, by whom and why; its newest line is the pointer."""
        return Journal(self._root / "history.jsonl")

    def save(
        self,
        candidate: Candidate,
        at: datetime,
        evaluation: Evaluation | None = None,
        terms: Terms | None = None,
    ) -> str:
        """Write a model's files and manifest; return its id. The same model again changes nothing."""
        files = candidate.classifier.to_files()
        if candidate.veto is not None:
            files |= candidate.veto.to_files()
        core: dict[str, object] = {
            "kind": candidate.kind,
            "threshold": candidate.threshold,
            "features": list(candidate.features),
            "feature_version": candidate.feature_version,
            "dataset_id": candidate.dataset_id,
            "seed": candidate.seed,
            "files": {name: sha256(data).hexdigest() for name, data in sorted(files.items())},
        }
        if terms is not None:
            core["terms"] = terms.to_dict()
        model_id = f"mdl-{digest(params_json(core))}"
        if (self._root / model_id).exists():
            return model_id
        manifest: dict[str, object] = {"model_id": model_id, "core": core, "created_at": at.isoformat()}
        if evaluation is not None:
            manifest |= _told(evaluation)
        self._write(
            model_id, files | {"manifest.json": json.dumps(manifest, indent=1, sort_keys=True).encode()}
        )
        return model_id

    def keep_evaluation(self, evaluation: Evaluation, model_id: str | None, at: datetime) -> str:
        """Write down an evaluation, whatever it said; return its id, a function of content and time."""
        told = _told(evaluation) | {"model_id": model_id, "dataset_id": evaluation.dataset_id}
        told["at"] = at.isoformat()
        told["kind"] = None if evaluation.candidate is None else evaluation.candidate.kind
        name = f"evl-{digest(params_json(told))}"
        path = self._root / "evaluations" / f"{name}.json"
        if not path.exists():
            make_folder(path.parent)
            write_text(
                path, json.dumps(told | {"evaluation_id": name}, indent=1, sort_keys=True, default=str)
            )
        return name

    def evaluation(self, evaluation_id: str) -> dict[str, Any]:
        """Return what `keep_evaluation` wrote.

        Raises
        ------
        NoVersion
            If there is none of that id.
        """
        path = self._root / "evaluations" / f"{evaluation_id}.json"
        if not path.exists():
            raise NoVersion(f"no evaluation {evaluation_id} under {self._root.name}/")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def promote(
        self,
        model_id: str,
        at: datetime,
        *,
        by: str = LINE,
        why: str = "every rule passed",
        event: Deed = Deed.PROMOTED,
    ) -> Champion:
        """Make a saved model the champion: one row of the journal.

        Raises
        ------
        NoVersion
            If no such model was saved.
        StoreError
            If its files were altered.
        """
        self.load(model_id)

        def change(now: Standing) -> Standing:
            own = () if now.model_id is None else (now.model_id,)
            before = now.before if now.model_id == model_id else (*own, *now.before)[:_KEPT]
            return replace(now, model_id=model_id, since=at, before=before)

        after = self.journal.record(event, change, at=at, model_id=model_id, by=by, why=why)
        return Champion(model_id, at, after.before)

    def rollback(self, at: datetime, *, by: str = LINE, why: str = "rolled back") -> Champion | None:
        """Go back to the champion before, or to the rules if there was none; return the new champion.

        Raises
        ------
        NoVersion
            If there is nothing to go back to.
        """

        def change(now: Standing) -> Standing:
            if now.model_id is None and not now.before:
                raise NoVersion("there is no champion to roll back from")
            if not now.before:
                return replace(now, model_id=None, since=None)
            return replace(now, model_id=now.before[0], since=at, before=now.before[1:])

        named = self.journal.standing().model_id
        self.journal.record(Deed.ROLLED_BACK, change, at=at, model_id=named, by=by, why=why)
        return self.pointer()

    def rules_only(self, at: datetime, *, by: str, why: str) -> None:
        """Let the rules trade without any model; the champion stays the first to roll back to.

        Raises
        ------
        NoVersion
            If there is no champion.
        """

        def change(now: Standing) -> Standing:
            if now.model_id is None:
                raise NoVersion("there is no champion: the rules trade alone already")
            return replace(now, model_id=None, since=None, before=(now.model_id, *now.before)[:_KEPT])

        named = self.journal.standing().model_id
        self.journal.record(Deed.RULES_ONLY, change, at=at, model_id=named, by=by, why=why)

    def start_shadow(self, shadow: Shadow, why: str = "passed its evaluation") -> None:
        """Begin a shadow period as declared.

        Raises
        ------
        BadInput
            If another one is going on.
        """

        def change(now: Standing) -> Standing:
            if now.shadow is not None:
                raise BadInput(f"{now.shadow.model_id} is in its shadow period; one at a time")
            return replace(now, shadow=shadow)

        about = {"at": shadow.started_at, "model_id": shadow.model_id, "by": LINE, "why": why}
        self.journal.record(Deed.SHADOW_STARTED, change, details=shadow.to_dict(), **about)  # type: ignore[arg-type]  # one bag of keywords

    def end_shadow(self, at: datetime, *, is_passed: bool, why: str) -> None:
        """Write down the verdict of the shadow period, once; promoting is another row."""
        shadow = self.journal.standing().shadow
        if shadow is None:
            raise BadInput("no model is in its shadow period")
        deed = Deed.SHADOW_PASSED if is_passed else Deed.SHADOW_FAILED

        def change(now: Standing) -> Standing:
            return replace(now, shadow=None)

        self.journal.record(deed, change, at=at, model_id=shadow.model_id, by=LINE, why=why)

    def pointer(self) -> Champion | None:
        """Return who is champion, expired or not; None if nobody is."""
        now = self.journal.standing()
        if now.model_id is None or now.since is None:
            return None
        return Champion(now.model_id, now.since, now.before)

    def is_expired(self, at: datetime) -> bool:
        """Whether there is a champion and it is too old to be used at `at`."""
        present = self.pointer()
        return present is not None and at - present.since > self._max_age

    def champion(self, at: datetime, feature_version: str) -> ModelPredictor | None:
        """Return the champion ready for use; None if there is none or it has expired.

        Raises
        ------
        StoreError
            If its files were altered, or it was trained on other features than `feature_version`.
        """
        present = self.pointer()
        if present is None or self.is_expired(at):
            return None
        found = self.manifest(present.model_id)["core"]
        if found["feature_version"] != feature_version:
            raise StoreError(
                f"champion {present.model_id} was trained on features {found['feature_version']}, "
                f"these are {feature_version}"
            )
        return self.load(present.model_id)

    def load(self, model_id: str) -> ModelPredictor:
        """Return a saved model after checking every byte against its manifest.

        Raises
        ------
        NoVersion
            If no such model was saved.
        StoreError
            If a file is missing, altered or unreadable.
        """
        manifest = self.manifest(model_id)
        core = manifest["core"]
        files = {}
        for name, expected in core["files"].items():
            path = self._root / model_id / name
            data = path.read_bytes() if path.exists() else b""
            if sha256(data).hexdigest() != expected:
                raise StoreError(f"model {model_id}: {name} is not the file that was saved")
            files[name] = data
        classifier = load_classifier(core["kind"], files)
        known_at = datetime.fromisoformat(str(manifest["created_at"]))
        terms = Terms.from_dict(core["terms"]) if "terms" in core else None
        # A model saved without one is asked about every row, and its signals say so: `is_novel` is null.
        veto = Novelty.from_files(files) if "novelty.json" in files else None
        return ModelPredictor(
            model_id, float(core["threshold"]), tuple(core["features"]), classifier, known_at, terms, veto
        )

    def manifest(self, model_id: str) -> dict[str, Any]:
        """Return a model's manifest, checked against its id."""
        path = self._root / model_id / "manifest.json"
        if not path.exists():
            raise NoVersion(f"no model {model_id} under {self._root.name}/")
        manifest: dict[str, Any] = json.loads(path.read_text())
        if f"mdl-{digest(params_json(manifest['core']))}" != model_id:
            raise StoreError(f"model {model_id}: its manifest is not the one that was saved")
        return manifest

    def models(self) -> pl.DataFrame:
        """Return one row per saved model, newest first."""
        now = self.journal.standing()
        shadow = None if now.shadow is None else now.shadow.model_id
        rows = [
            {
                "model_id": path.parent.name,
                "kind": manifest["core"]["kind"],
                "created_at": manifest["created_at"],
                "dataset_id": manifest["core"]["dataset_id"],
                "verdict": manifest.get("verdict"),
                "reason": manifest.get("reason"),
                "is_champion": now.model_id == path.parent.name,
                "is_shadow": shadow == path.parent.name,
            }
            for path in sorted(self._root.glob("mdl-*/manifest.json"))
            for manifest in (json.loads(path.read_text()),)
        ]
        names = ("model_id", "kind", "created_at", "dataset_id", "verdict", "reason")
        flags = dict.fromkeys(("is_champion", "is_shadow"), pl.Boolean)
        frame = pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), **flags})
        return frame.sort("created_at", "model_id", descending=True)

    def _write(self, model_id: str, files: Mapping[str, bytes]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix=".new-") as folder:
            ready = Path(folder) / model_id
            ready.mkdir()
            for name, data in files.items():
                (ready / name).write_bytes(data)
            # Another process may have saved the very same model in between: content is equal by name.
            if not (self._root / model_id).exists():
                ready.replace(self._root / model_id)


def register(registry: ModelRegistry, evaluation: Evaluation, at: datetime) -> str | None:
    """Save an evaluated candidate, and make it champion if, and only if, it was promoted.

    Returns its id, None when there was no data.
    """
    if evaluation.candidate is None:
        return None
    model_id = registry.save(evaluation.candidate, at, evaluation)
    if evaluation.verdict is Verdict.PROMOTED:
        registry.promote(model_id, at)
    return model_id


def _told(evaluation: Evaluation) -> dict[str, object]:
    return {
        "verdict": str(evaluation.verdict),
        "reason": evaluation.reason,
        "figures": dict(evaluation.figures),
        "table": evaluation.table.to_dicts(),
    }
