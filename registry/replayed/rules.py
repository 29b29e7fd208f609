"""Policies, and who decides for whom."""

from collections.abc import Iterator

from django.db.models import QuerySet

from audit.replay.story import Body, Kind, Word
from core import clock
from registry.models import Delegation, PolicyVersion
from registry.policies.documents import digest_of
from registry.replayed.readers import Reader, about, gone


def _policy(state: str) -> Reader:
    """A version of a policy with its text's digest; what it replaces is replaced."""

    def read(body: Body) -> Iterator[Word]:
        yield Word(about(body), f"{state} {body['facts'].get('digest', '')}".strip())
        if replaced := body["facts"].get("replaces"):
            yield Word(f"{about(body).rpartition('/')[0]}/{replaced}", "replaced")

    return read


def _policy_rows() -> Iterator[tuple[str, str]]:
    """Of what is replaced or withdrawn nobody asks for the text again; of the rest it is what was accepted."""
    rows = PolicyVersion.objects.order_by("pk").values_list("policy__name", "number", "state", "text")
    for name, number, state, text in rows.iterator(chunk_size=500):
        digest = "" if state in {"replaced", "withdrawn"} else digest_of(text)
        yield f"{name}/{number}", f"{state} {digest}".strip()


def _delegated(body: Body) -> Iterator[Word]:
    yield Word(about(body), f"{body['after']['to']} until {body['after']['ends_at']}")


def delegation_rows(found: QuerySet[Delegation]) -> Iterator[tuple[str, str]]:
    """Yield who decides until when, by whom she decides for."""
    rows = found.filter(ended_at=None).order_by("pk").values_list("person_id", "to__username", "ends_at")
    for key, to, ends_at in rows.iterator():
        yield str(key), f"{to} until {clock.iso(ends_at)}"


RULES = (
    Kind(
        "policy", "version of policy",
        {
            "policy.proposed": _policy("proposed"), "policy.accepted": _policy("active"),
            "policy.refused": _policy("refused"),
            "policy.withdrawn": lambda body: [Word(about(body), "withdrawn")],
        },
        _policy_rows,
    ),
    Kind(
        "delegation", "delegation of", {"delegation.given": _delegated, "delegation.ended": gone},
        lambda: delegation_rows(Delegation.objects.all()),
    ),
)  # fmt: skip
