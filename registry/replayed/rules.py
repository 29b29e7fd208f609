"""Policies, and who decides for whom."""

from collections.abc import Iterator

from django.db.models import QuerySet

from audit.replay.story import Body, Kind, Word
from core import clock
from registry.models import Delegation, PolicyVersion
from registry.policies.documents import digest_of
from registry.replayed.columns import Table
from registry.replayed.models import by_whom, person_word
from registry.replayed.readers import Reader, about, brief, gone, says


def _policy(state: str) -> Reader:
    """A version of a policy with its text's digest; what it replaces is replaced."""

    def read(body: Body) -> Iterator[Word]:
        yield Word(about(body), f"{state} {body['facts'].get('digest', '')}".strip())
        if replaced := body["facts"].get("replaces"):
            yield Word(f"{about(body).rpartition('/')[0]}/{replaced}", "replaced")

    return read


def _policy_word(state: str, text: str) -> str:
    """Of what is replaced or withdrawn only the proposal tells the text; of the rest it is what was accepted."""
    digest = "" if state in {"replaced", "withdrawn"} else digest_of(text)
    return f"{state} {digest}".strip()


def _proposal(body: Body) -> str:
    return f"{body['facts']['digest']} by {by_whom(body)}: {brief(body['comment'])}"


def _proposal_word(text: str, digest: str, author: int, reason: str) -> str:
    measured = digest_of(text)
    said = digest if digest == measured else f"{digest}, of a text that is {measured},"
    return f"{said} by {person_word(author)}: {brief(reason)}"


def _decided_word(person: int | None, at: object, comment: str) -> str | None:
    return f"{person_word(person)}: {brief(comment)}" if person or at or comment else None


_decided = says(lambda body: f"{by_whom(body)}: {brief(body['comment'])}")
POLICY_TABLE = Table(lambda: PolicyVersion.objects.order_by("pk"), ("policy__name", "number"), "{}/{}".format)
POLICY_TABLE.kind(
    "policy", "version of policy",
    {
        "policy.proposed": _policy("proposed"), "policy.accepted": _policy("active"),
        "policy.refused": _policy("refused"),
        "policy.withdrawn": lambda body: [Word(about(body), "withdrawn")],
    },
    "state", "text", word=_policy_word,
)  # fmt: skip
POLICY_TABLE.kind(
    "proposal", "text and author of policy", {"policy.proposed": says(_proposal)},
    "text", "digest", "author_id", "reason", word=_proposal_word,
)  # fmt: skip
POLICY_TABLE.kind(
    "policy decision", "who decided on policy",
    {f"policy.{what}": _decided for what in ("accepted", "refused", "withdrawn")},
    "decided_by_id", "decided_at", "comment", word=_decided_word,
)  # fmt: skip


def _delegated(body: Body) -> Iterator[Word]:
    said = body["after"]
    yield Word(about(body), f"{said['to']} until {said['ends_at']}: {brief(body['comment'])}")


def delegation_rows(found: QuerySet[Delegation]) -> Iterator[tuple[str, str]]:
    """Yield who decides until when and why, by whom she decides for."""
    rows = found.filter(ended_at=None).order_by("pk").values_list("person_id", "to__username", "ends_at", "reason")
    for key, to, ends_at, reason in rows.iterator():
        yield str(key), f"{to} until {clock.iso(ends_at)}: {brief(reason)}"


DELEGATION = Kind(
    "delegation", "delegation of", {"delegation.given": _delegated, "delegation.ended": gone},
    lambda: delegation_rows(Delegation.objects.all()),
)  # fmt: skip
RULES = (*POLICY_TABLE.kinds, DELEGATION)
