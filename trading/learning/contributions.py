"""What each feature did to one answer of a model, in log-odds: their sum and a constant are it.

Logistic regression: coefficient × standardised value. LightGBM: its own tree-path (SHAP) contributions,
scaled by the calibration. Other kinds: the change of log-odds when the feature is set to its training
median, which does not add up where features act together.
"""

import numpy as np

from trading.learning.dataset import Floats
from trading.learning.models import Classifier, Logistic, Trees

_EDGE = 1e-6


def contributions(classifier: Classifier, x: Floats, medians: Floats) -> Floats:
    """Return one contribution per row and feature, shape (n, f).

    Parameters
    ----------
    x : array, shape (n, f)
        NaN for unknown, which contributes what the median does.
    medians : array, shape (f,)
        Of the training set; for kinds that cannot say it themselves.
    """
    if isinstance(classifier, Logistic):
        scaler, linear = (step for _, step in classifier.estimator.steps)  # type: ignore[attr-defined]  # the library has no types
        filled = np.where(np.isnan(x), classifier.medians, x)
        values: Floats = scaler.transform(filled) * linear.coef_[0] * classifier.slope
        return values
    if isinstance(classifier, Trees):
        raw = classifier.booster.predict(x, pred_contrib=True, num_threads=1)  # type: ignore[attr-defined]  # the library has no types
        paths: Floats = np.asarray(raw, np.float64)[:, :-1] * classifier.slope
        return paths
    return _by_leaving_out(classifier, x, medians)


def _by_leaving_out(classifier: Classifier, x: Floats, medians: Floats) -> Floats:
    whole = _log_odds(classifier.predict(x))
    out = np.empty_like(x)
    for column in range(x.shape[1]):
        without = x.copy()
        without[:, column] = medians[column]
        out[:, column] = whole - _log_odds(classifier.predict(without))
    return out


def _log_odds(probability: Floats) -> Floats:
    held = np.clip(probability, _EDGE, 1 - _EDGE)
    odds: Floats = np.log(held / (1 - held))
    return odds
