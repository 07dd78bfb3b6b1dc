"""Model files on disk: named by content, never changed; one small pointer says which one is champion.

Layout under the root: ``<model_id>/manifest.json`` and the model's files; ``champion.json``.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from trading.learning.dataset import Floats
from trading.learning.evaluation import Candidate, Evaluation, Verdict
from trading.learning.models import Classifier, load_classifier
from trading.market.errors import BadInput, NoVersion, StoreError
from trading.market.lineage import digest, params_json

_KEPT = 3  # earlier champions that a rollback can reach


@dataclass(frozen=True, slots=True)
class ModelPredictor:
    """A registered model as signals use it (`trading.signals.predictor.Predictor`)."""

    model_id: str
    threshold: float
    features: tuple[str, ...]
    classifier: Classifier
    known_at: datetime | None = None

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return one probability per row; null features are unknown.

        Raises
        ------
        BadInput
            If a column is missing.
        """
        missing = [name for name in self.features if name not in features.columns]
        if missing:
            raise BadInput(f"model {self.model_id} needs columns {', '.join(missing)}")
        x = features.select(pl.col(name).cast(pl.Float64) for name in self.features).to_numpy()
        return self.classifier.predict(np.ascontiguousarray(x.astype(np.float64)))


@dataclass(frozen=True, slots=True)
class Champion:
    """The pointer: which model is used, since when, and which came before (newest first)."""

    model_id: str
    since: datetime
    before: tuple[str, ...] = ()


class ModelRegistry:
    """Keeps models under `root`; `max_age` is how long a champion may be used without a successor."""

    def __init__(self, root: Path, max_age: timedelta = timedelta(days=30)) -> None:
        self._root = root
        self._max_age = max_age

    def save(self, candidate: Candidate, at: datetime, evaluation: Evaluation | None = None) -> str:
        """Write a model's files and manifest; return its id. The same model again changes nothing."""
        files = candidate.classifier.to_files()
        core = {
            "kind": candidate.kind,
            "threshold": candidate.threshold,
            "features": list(candidate.features),
            "feature_version": candidate.feature_version,
            "dataset_id": candidate.dataset_id,
            "seed": candidate.seed,
            "files": {name: sha256(data).hexdigest() for name, data in sorted(files.items())},
        }
        model_id = f"mdl-{digest(params_json(core))}"
        if (self._root / model_id).exists():
            return model_id
        manifest: dict[str, object] = {"model_id": model_id, "core": core, "created_at": at.isoformat()}
        if evaluation is not None:
            manifest |= {
                "verdict": str(evaluation.verdict),
                "reason": evaluation.reason,
                "figures": dict(evaluation.figures),
                "table": evaluation.table.to_dicts(),
            }
        self._write(
            model_id, files | {"manifest.json": json.dumps(manifest, indent=1, sort_keys=True).encode()}
        )
        return model_id

    def promote(self, model_id: str, at: datetime) -> Champion:
        """Make a saved model the champion; the pointer is swapped in one step.

        Raises
        ------
        NoVersion
            If no such model was saved.
        StoreError
            If its files were altered.
        """
        self.load(model_id)
        present = self.pointer()
        if present is not None and present.model_id == model_id:
            before = present.before
        else:
            before = () if present is None else (present.model_id, *present.before)[:_KEPT]
        return self._point(Champion(model_id, at, before))

    def rollback(self, at: datetime) -> Champion | None:
        """Go back to the champion before, or to none if there was none; return the new pointer."""
        present = self.pointer()
        if present is None:
            raise NoVersion("there is no champion to roll back from")
        if not present.before:
            (self._root / "champion.json").unlink()
            return None
        return self._point(Champion(present.before[0], at, present.before[1:]))

    def pointer(self) -> Champion | None:
        """Return who is champion, expired or not; None if nobody is."""
        path = self._root / "champion.json"
        if not path.exists():
            return None
        raw = json.loads(path.read_text())
        return Champion(raw["model_id"], datetime.fromisoformat(raw["since"]), tuple(raw["before"]))

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
        return ModelPredictor(
            model_id, float(core["threshold"]), tuple(core["features"]), classifier, known_at
        )

    def manifest(self, model_id: str) -> dict[str, dict]:  # type: ignore[type-arg]  # JSON
        """Return a model's manifest, checked against its id."""
        path = self._root / model_id / "manifest.json"
        if not path.exists():
            raise NoVersion(f"no model {model_id} under {self._root.name}/")
        manifest = json.loads(path.read_text())
        if f"mdl-{digest(params_json(manifest['core']))}" != model_id:
            raise StoreError(f"model {model_id}: its manifest is not the one that was saved")
        return manifest  # type: ignore[no-any-return]  # JSON

    def models(self) -> pl.DataFrame:
        """Return one row per saved model, newest first."""
        present = self.pointer()
        rows = [
            {
                "model_id": path.parent.name,
                "kind": manifest["core"]["kind"],
                "created_at": manifest["created_at"],
                "dataset_id": manifest["core"]["dataset_id"],
                "verdict": manifest.get("verdict"),
                "reason": manifest.get("reason"),
                "is_champion": present is not None and present.model_id == path.parent.name,
            }
            for path in sorted(self._root.glob("mdl-*/manifest.json"))
            for manifest in (json.loads(path.read_text()),)
        ]
        schema = dict.fromkeys(
            ("model_id", "kind", "created_at", "dataset_id", "verdict", "reason"), pl.String
        )
        frame = pl.DataFrame(rows, schema={**schema, "is_champion": pl.Boolean})
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

    def _point(self, champion: Champion) -> Champion:
        record = {
            "model_id": champion.model_id,
            "since": champion.since.isoformat(),
            "before": list(champion.before),
        }
        path = self._root / "champion.json"
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(record))
        fresh.replace(path)
        return champion


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
