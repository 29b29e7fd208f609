"""A field that takes one of some words, and names them where it is given another."""

from typing import Any

from rest_framework import serializers


class OneOf(serializers.ChoiceField):
    """As DRF's, with a refusal that says what could stand there."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the word; raise ValidationError for another."""
        if isinstance(data, (list, dict)) or str(data) not in {str(key) for key in self.choices}:
            raise serializers.ValidationError(f"It is one of {', '.join(map(str, self.choices))}.")
        return super().to_internal_value(data)
