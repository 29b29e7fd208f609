"""Stages of a model version and the moves between them."""

from enum import StrEnum

from core.refusals import Invalid


class Stage(StrEnum):
    """Where a version stands. Any stage may follow any other, as MLflow's clients expect.

    Who may, and on whose signature, is decided by `registry.policy`.
    """

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


ACTIVE = frozenset({Stage.STAGING, Stage.PRODUCTION})


def parse_stage(text: str) -> Stage:
    """Return the stage `text` names in any case; raise Invalid with MLflow's sentence otherwise."""
    for stage in Stage:
        if stage.lower() == text.lower():
            return stage
    raise Invalid(f"Invalid Model Version stage: {text}. Value must be one of {', '.join(Stage)}.", field="stage")
