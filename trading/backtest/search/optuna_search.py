"""A space searched by Optuna's TPE: seeded, on disk, resumed after a kill as if there had been none.

Imported where such a search begins and nowhere else: Optuna costs a second to import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import TrialState

from trading.backtest.search.bench import Bench, Update
from trading.backtest.search.configurations import Base, Configuration, check_uses, configuration
from trading.backtest.search.found import SearchResult, settle
from trading.backtest.search.objectives import objective
from trading.backtest.search.outcome import Outcome
from trading.backtest.search.space import Space
from trading.backtest.search.verdict import VerdictRules
from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.market.errors import BadInput
from trading.market.lineage import digest, params_json

MOST_TRIALS = 100_000
_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class OptunaRules:
    """How many trials, from which seed, in which file; `resume` goes on with a study that is there."""

    trials: int
    seed: int = 0
    storage: Path | None = None
    resume: bool = False
    verdict: VerdictRules = field(default_factory=VerdictRules)

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= MOST_TRIALS:
            raise BadInput(f"trials must be from 1 to {MOST_TRIALS:,}, was {self.trials:,}")
        if self.seed < 0:
            raise BadInput(f"seed must not be negative, was {self.seed}")


def optuna_search(
    bench: Bench,
    base: Base,
    space: Space,
    ledger: TrialLedger,
    objective_name: str,
    rules: OptunaRules,
    *,
    update: Update | None = None,
) -> SearchResult:
    """Search `space` until `rules.trials` trials have ended in the study, and settle what came of it.

    Trial *k* depends on the seed and on the trials that ended before it: its sampler is made anew, seeded by
    both. So a study that was killed and resumed suggests what it would have without the kill. Every trial is
    in the ledger before the next one begins.

    Raises
    ------
    BadInput
        If the study is there and `resume` is not asked for, or it was made of other data, space or seed.
    BadSpace, BadStrategy
        As `grid_search`.
    """
    check_uses(space, base)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    loss, made = objective(objective_name), _Trials(bench, base, space)
    study = _study(made, objective_name, rules)
    for killed in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(killed.number, state=TrialState.FAIL)  # its process was killed
    ended = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    data_id, none = bench.data_id, np.full(bench.symbols, np.nan)
    while ended < rules.trials:
        study.sampler = TPESampler(seed=int(digest(str(rules.seed), str(ended)), 16) % _SEEDS)
        trial = study.ask()
        one, outcome = made.run(made.suggested(trial))
        ledger.record([trial_batch(base.name, one.params_id, data_id, none, at=bench.end)])
        study.tell(trial, loss(outcome))
        ended += 1
        if update is not None:
            update(ended, rules.trials)
    # In the order of the study, each once; what ended before a resume is run again: cheaper than kept.
    past = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pairs = list({made.key(one.params): made.run(one.params) for one in past}.values())
    return settle(
        base.name, bench, loss, [one for one, _ in pairs], [outcome for _, outcome in pairs], ledger,
        rules=rules.verdict, seed=rules.seed,
    )  # fmt: skip


class _Trials:
    """Configurations by their places in the space, each run once."""

    def __init__(self, bench: Bench, base: Base, space: Space) -> None:
        self.bench, self.base, self.space = bench, base, space
        self.found: dict[tuple[int, ...], tuple[Configuration, Outcome]] = {}

    @property
    def fingerprint(self) -> str:
        """What a study is of."""
        grid = {p.name: p.values for p in self.space.parameters}
        return digest(
            params_json(grid),
            params_json(self.space.templates),
            params_json(self.base.document),
            self.bench.data_id,
        )

    def suggested(self, trial: optuna.Trial) -> dict[str, int]:
        """Return the place that the sampler suggests for each parameter; numbers keep their order."""
        places = {}
        for parameter in self.space.parameters:
            count = len(parameter.values)
            if parameter.is_ordered:
                places[parameter.name] = trial.suggest_int(parameter.name, 0, count - 1)
            else:
                places[parameter.name] = trial.suggest_categorical(parameter.name, list(range(count)))
        return places

    def key(self, places: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the places in the order of the space."""
        return tuple(int(places[parameter.name]) for parameter in self.space.parameters)

    def run(self, places: Mapping[str, Any]) -> tuple[Configuration, Outcome]:
        """Return the configuration at `places` and what came of it."""
        key = self.key(places)
        if key not in self.found:
            one = configuration(self.space, self.base, self.space.values(key))
            self.found[key] = one, self.bench.outcome(one.strategy)
        return self.found[key]


def _study(made: _Trials, objective_name: str, rules: OptunaRules) -> Study:
    name = f"{made.base.name} {objective_name} seed {rules.seed}"
    storage = None if rules.storage is None else f"sqlite:///{rules.storage}"
    if rules.storage is not None:
        rules.storage.parent.mkdir(parents=True, exist_ok=True)
    is_there = storage is not None and rules.storage is not None and rules.storage.exists() and name in (
        optuna.get_all_study_names(storage)
    )  # fmt: skip
    if is_there and not rules.resume:
        raise BadInput(f"study {name!r} is in {rules.storage} already; --resume goes on with it")
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
    known = study.user_attrs.setdefault("fingerprint", made.fingerprint)
    if known != made.fingerprint:
        raise BadInput(
            f"study {name!r} in {rules.storage} is of other candles, space or strategy: it cannot be resumed"
        )
    study.set_user_attr("fingerprint", made.fingerprint)
    return study
