"""Own REST: model cards."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from registry import access, card_writing, cards
from registry.models import CardState
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.one_of import OneOf
from web.rest.reading import checked


class SectionShape(serializers.Serializer[Any]):
    """A part of a card and where its text is from; an empty text is a gap."""

    name = serializers.CharField()
    text = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class


class CardShape(serializers.Serializer[Any]):
    """A version's card. `digest` is what a reviewer approves; `slices` are [metric, slice, value]."""

    state = OneOf(choices=CardState.choices)
    gaps = serializers.ListField(child=serializers.CharField())
    complete = serializers.BooleanField(source="is_complete")
    digest = serializers.CharField()
    sections = SectionShape(many=True)
    slices = serializers.ListField(child=serializers.ListField())


class CardTexts(serializers.Serializer[Any]):
    """Texts by section; what is left out stays. With `submit` the card goes to review."""

    sections = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=20_000))
    submit = serializers.BooleanField(default=False)


class CardReview(serializers.Serializer[Any]):
    """A word on exactly the texts of `digest`."""

    outcome = OneOf(choices=sorted(card_writing.VERDICTS), source="verdict")
    digest = serializers.CharField()
    words = serializers.CharField(max_length=10_000)


@extend_schema(methods=["GET"], operation_id="read_card", responses={200: CardShape})
@extend_schema(methods=["PUT"], operation_id="write_card", request=CardTexts, responses={200: CardShape, **REFUSALS})
@api_view(["GET", "PUT"])
def card(request: Request, name: str, number: int) -> Response:
    """Read a version's card, or write sections of it, as a draft or for review."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    if request.method == "PUT":
        asked = checked(CardTexts, request)
        card_writing.write(found, asked["sections"], submit=asked["submit"], actor=actor)
        found = access.find_version(name, number, actor=actor)
    return Response(CardShape(cards.card_of(found)).data)


@extend_schema(operation_id="review_card", request=CardReview, responses={200: CardShape, **REFUSALS})
@api_view(["POST"])
def review(request: Request, name: str, number: int) -> Response:
    """Approve the card of a digest, or send it back. Needs the scope `decide`, and no part in the version."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    card_writing.review(found, actor=actor, **checked(CardReview, request))
    return Response(CardShape(cards.card_of(access.find_version(name, number, actor=actor))).data)
