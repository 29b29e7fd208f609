"""Writes of model cards: by whoever may write the version, approved by another person, frozen into what is signed."""

from collections.abc import Mapping

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from audit.replay.attest import alerting
from core import canonical, clock
from core.refusals import Conflict, Denied, Invalid
from registry import access, attested, requests
from registry.cards import SECTIONS, card_of, may_review
from registry.models import CardState, ModelCard, ModelVersion

TEXT_MAX = 20_000
VERDICTS = {"approve": CardState.APPROVED, "send_back": CardState.DRAFT}


def write(version: ModelVersion, texts: Mapping[str, str], *, actor: Actor, submit: bool = False) -> ModelCard:
    """Keep the texts given; the card is a draft again, or with `submit` in review. The same texts change nothing.

    Raises Invalid for a section there is none of, and where a card with gaps is to be reviewed.
    """
    access.require(
        actor, Permission.MODEL_WRITE, version.model, f"write the card of {version}",
        about=access.version_subject(version),
    )  # fmt: skip
    if unknown := texts.keys() - SECTIONS.keys():
        raise Invalid(f"A card has no section {min(unknown)[:40]}.", field=min(unknown))
    if long := [name for name, text in texts.items() if len(text) > TEXT_MAX]:
        raise Invalid(f"A section has at most {TEXT_MAX:,} characters.", field=long[0])
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        before = card_of(row)
        said = {part.name: texts.get(part.name, part.text).strip() for part in before.sections}
        if submit and (gaps := [name for name, text in said.items() if not text]):
            raise Invalid(f"The card has gaps: {', '.join(gaps)}.", field=gaps[0])
        state = CardState.IN_REVIEW if submit else CardState.DRAFT
        if before.row and before.row.sections == said and before.state in {state, CardState.APPROVED}:
            return before.row
        kept = {"sections": said, "state": state, "edited_by": actor.person, "edited_at": clock.now(), "words": ""}
        card, _ = ModelCard.objects.update_or_create(
            version=row, defaults={**kept, "reviewed_by": None, "reviewed_at": None}
        )
        old = {part.name: part.text for part in before.sections if part.text != said[part.name]}
        change = Change({**old, "state": before.state}, {**{name: said[name] for name in old}, "state": state})
        record("card.written", access.version_subject(row), actor=actor, change=_with(change, said))
        row.card = card
        requests.end_stale(row.model)
    return card


def review(version: ModelVersion, *, verdict: str, digest: str, words: str, actor: Actor) -> ModelCard:
    """Approve the card that was read, or send it back with words; doing it again changes nothing.

    Raises Denied for whoever wrote it or made the version, Conflict where it is another text or not in review, Differs
    where who wrote it, or what, is not what the ledger says.
    """
    about = access.version_subject(version)
    access.require(actor, Permission.REQUEST_DECIDE, version.model, f"review the card of {version}", about=about)
    if not may_review(version, actor=actor):
        raise Denied("You had a part in it, so somebody else reviews the card.", about=about)
    if verdict not in VERDICTS or not words.strip():
        raise Invalid("Approve or send back, and say why.", field="words")
    with alerting(), transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        attested.require_versions([row], f"review the card of {row}")
        card = card_of(row)
        same = card.digest == digest and card.state == VERDICTS[verdict]
        if same and card.row and card.row.reviewed_by == actor.user:
            return card.row
        if card.row is None or card.state != CardState.IN_REVIEW or card.digest != digest:
            raise Conflict("This card is not in review, or changed since you read it.", next_step="Read it again.")
        card.row.state, card.row.words = VERDICTS[verdict], words.strip()
        card.row.reviewed_by, card.row.reviewed_at = actor.person, clock.now()
        card.row.save(update_fields=["state", "words", "reviewed_by", "reviewed_at"])
        change = Change({"state": card.state}, {"state": card.row.state}, words.strip())
        record("card.reviewed", about, actor=actor, change=_with(change, card.row.sections))
        requests.end_stale(row.model)
    return card.row


def _with(change: Change, sections: Mapping[str, str]) -> Change:
    """Return the change with the digest of the texts it leaves."""
    return Change(change.before, change.after, change.comment, {"card": canonical.digest(dict(sections))})
