"""Neural classifiers: the same bytes each time, safe files, calibrated, sensible with unknowns."""

import numpy as np
import pytest

from trading.learning.deep.classifiers import Neural, platt
from trading.learning.models import fit_classifier, load_classifier
from trading.market.errors import BadInput, StoreError

pytest.importorskip("jax", reason="the extra ai is not installed: make ai")


def data(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gains follow the product of two features: nothing for a straight line. One unknown, one never known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = (x[:, 0] * x[:, 1] + 0.5 * rng.normal(size=n) > 0).astype(np.int64)
    x[::7, 2] = np.nan
    x[:, 3] = np.nan
    return x, y, np.ones(n)


def test_a_network_survives_its_files_and_a_row_hangs_on_no_other() -> None:
    """Written and read again: the same answers; asked alone or among others: equal to 1e-12."""
    x, y, weight = data()
    model = fit_classifier("mlp", x, y, weight)
    again = load_classifier("mlp", model.to_files())
    assert np.array_equal(again.predict(x), model.predict(x))
    assert again.to_files() == model.to_files()
    alone = np.array([again.predict(row[None, :])[0] for row in x[:20]])
    assert np.allclose(alone, model.predict(x)[:20], rtol=0, atol=1e-12)


def test_a_product_of_features_is_learnt_that_a_straight_line_cannot_see() -> None:
    """4,000 rows: the share of rightly ordered pairs (AUC) on fresh rows is above 0.8; logistic's is none."""
    fresh, truth, _ = data(4000, seed=1)
    for kind, least, most in (("mlp", 0.8, 1.0), ("logistic", 0.45, 0.55)):
        p = fit_classifier(kind, *data(4000)).predict(fresh)
        order = np.argsort(np.argsort(p)) + 1
        gains = truth.sum()
        area = (order[truth == 1].sum() - gains * (gains + 1) / 2) / (gains * (len(truth) - gains))
        assert least < area < most
        if kind == "mlp":  # calibrated: of what is given 70 to 90 %, about that share gains
            said = (p > 0.7) & (p < 0.9)
            assert truth[said].mean() == pytest.approx(p[said].mean(), abs=0.08)


def test_labels_in_random_order_teach_nothing() -> None:
    """On fresh rows the answers stay near the base rate: early stopping and calibration see to it."""
    x, y, weight = data(4000)
    p = fit_classifier("mlp", x, np.random.default_rng(2).permutation(y), weight).predict(data(2000, 3)[0])
    assert np.std(p) < 0.05


def test_few_rows_and_a_tail_of_one_class_are_fitted_without_calibration() -> None:
    """Fixed epochs, slope 1: better than a refusal, and the gate judges it."""
    x, y, weight = data(60)
    model = fit_classifier("mlp", x, y, weight)
    assert isinstance(model, Neural)
    assert (model.epochs, model.slope, model.shift) == (15, 1.0, 0.0)


def test_the_calibration_is_the_logistic_curve_worked_out_otherwise() -> None:
    """Against scikit-learn's logistic regression; a falling curve becomes the base rate."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    logits = rng.normal(size=5000)
    y = (rng.random(5000) < 1 / (1 + np.exp(-(2 * logits - 0.5)))).astype(np.int64)
    slope, shift = platt(logits, y, np.ones(5000))
    curve = LogisticRegression(C=1e6).fit(logits[:, None], y)
    assert slope == pytest.approx(curve.coef_[0, 0], rel=0.01)
    assert shift == pytest.approx(curve.intercept_[0], rel=0.02)
    slope, shift = platt(-logits, y, np.ones(5000))
    assert slope == 0.0
    assert 1 / (1 + np.exp(-shift)) == pytest.approx(y.mean())


def test_altered_and_foreign_files_are_refused() -> None:
    """A cut file, a number that is none, another kind, arrays of another network, rows of another width."""
    model = fit_classifier("mlp", *data(60))
    files = model.to_files()
    bad = files["network.safetensors"]
    with pytest.raises(StoreError, match="mlp model cannot be read"):
        load_classifier("mlp", files | {"network.safetensors": bad[:-3]})
    with pytest.raises(StoreError, match="not finite"):
        load_classifier("mlp", files | {"network.safetensors": bad[:-4] + np.float32(np.nan).tobytes()})
    with pytest.raises(StoreError, match="of kind mlp"):
        load_classifier("sequence", files)
    with pytest.raises(StoreError, match="not those of the network"):
        load_classifier(
            "sequence", files | {"network.json": files["network.json"].replace(b"mlp", b"sequence")}
        )
    with pytest.raises(StoreError, match=r"network\.json"):
        load_classifier("mlp", {})
    with pytest.raises(BadInput, match="4 features, got 3"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(BadInput, match="4 columns a bar, was given 6"):
        fit_classifier("sequence", np.zeros((4, 6)), np.array([0, 1, 0, 1]), np.ones(4))
