"""Every kind of row of people and of the registry that the ledger tells of."""

from accounts.replayed import KINDS as PEOPLE
from registry.replayed.belongings import BELONGINGS
from registry.replayed.models import MODELS, VERSIONS
from registry.replayed.requests import REQUESTS
from registry.replayed.rules import RULES

KINDS = (*PEOPLE, *MODELS, *VERSIONS, *BELONGINGS, *REQUESTS, *RULES)
