"""When a prediction is right."""

from typing import Any

HOLDERS = (list, dict)


def is_same(prediction: Any, label: Any) -> bool:
    """Return whether a prediction is what was true: a number by value, a text as it is, a list item by item."""
    if type(prediction) is type(label) and not isinstance(prediction, HOLDERS):
        return bool(prediction == label)
    prediction, label = bare(prediction), bare(label)
    if isinstance(prediction, list) or isinstance(label, list):
        both = (prediction, label)
        return (
            all(isinstance(side, list) for side in both)
            and len(prediction) == len(label)
            and all(map(is_same, prediction, label))
        )
    numbers = [value for value in (prediction, label) if isinstance(value, int | float)]
    if len(numbers) == 1:
        return str(prediction) == str(label)
    return bool(prediction == label)


def bare(value: Any) -> Any:
    """Return the one value that a list or record of one holds."""
    while isinstance(value, list | dict) and len(value) == 1:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value
