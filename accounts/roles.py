"""The six roles. Each is a Django group of that name, made by migration."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is here; a person may hold several."""

    DATA_SCIENTIST = "data-scientist"
    ML_ENGINEER = "ml-engineer"
    OPS = "ops"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """The name as people read it."""
        return LABELS[self]


LABELS = {
    Role.DATA_SCIENTIST: "Data scientist",
    Role.ML_ENGINEER: "ML engineer",
    Role.OPS: "Ops",
    Role.REVIEWER: "Reviewer",
    Role.AUDITOR: "Auditor",
    Role.ADMIN: "Admin",
}
