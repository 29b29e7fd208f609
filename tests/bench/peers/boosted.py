"""The model of the bench: 200 boosted trees over the 30 columns of a data set that scikit-learn brings."""

from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier


def trained() -> tuple[Any, Any]:
    """Return the fitted model and the rows it was fitted on."""
    data = load_breast_cancer(as_frame=True)
    return GradientBoostingClassifier(n_estimators=200, random_state=7).fit(data.data, data.target), data.data
