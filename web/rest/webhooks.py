"""Own REST: webhooks of both channels, their tests, their log, and sending again."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import Invalid, NotFound
from registry.webhooks import deliveries, events, hooks, sending
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.one_of import OneOf
from web.rest.openapi import PAGE_SIZE
from web.rest.reading import checked, limit_of, one_of


class WebhookShape(serializers.ModelSerializer[Webhook]):
    """A webhook, without its secret."""

    class Meta:
        model = Webhook
        fields = ("id", "channel", "name", "description", "url", "events", "active", "created_at", "updated_at")


class NewWebhook(serializers.Serializer[Any]):
    """A webhook of Signoff's events. Without a secret one is made up; it is in the answer, this once."""

    name = serializers.CharField(max_length=63)
    url = serializers.CharField(max_length=500)
    events = serializers.ListField(child=serializers.CharField(max_length=64), help_text="such as request.*")
    description = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    secret = serializers.CharField(required=False, max_length=1000, help_text="whsec_ and base64")
    active = serializers.BooleanField(required=False)


class WebhookChange(NewWebhook):
    """Fields to set; what is left out stays."""

    name = serializers.CharField(required=False, max_length=63)
    url = serializers.CharField(required=False, max_length=500)
    events = serializers.ListField(required=False, child=serializers.CharField(max_length=64))


class MadeWebhook(WebhookShape):
    """A webhook just made, with its secret."""

    secret = serializers.CharField()

    class Meta(WebhookShape.Meta):
        fields = (*WebhookShape.Meta.fields, "secret")  # type: ignore[assignment]  # one more


class DeliveryShape(serializers.ModelSerializer[Delivery]):
    """A delivery and its tries."""

    webhook = serializers.CharField(source="webhook_id")
    state = OneOf(choices=DeliveryState.choices)

    class Meta:
        model = Delivery
        fields = (
            "id", "webhook", "seq", "event", "state", "attempts", "next_at", "status", "error", "answer", "log",
            "created_at", "ended_at",
        )  # fmt: skip


@extend_schema(methods=["GET"], operation_id="list_webhooks", responses={200: WebhookShape(many=True), **REFUSALS})
@extend_schema(
    methods=["POST"], operation_id="make_webhook", request=NewWebhook, responses={201: MadeWebhook, **REFUSALS}
)
@api_view(["GET", "POST"])
def webhooks(request: Request) -> Response:
    """List webhooks of both channels, or make one that is told of Signoff's events."""
    actor = actor_of(request)
    if request.method == "POST":
        row, secret = hooks.create(Channel.SIGNOFF, hooks.Wish(**checked(NewWebhook, request)), actor=actor)
        return Response({**WebhookShape(row).data, "secret": secret}, status=201)
    return Response(WebhookShape(hooks.of(actor), many=True).data)


@extend_schema(methods=["GET"], operation_id="read_webhook", responses={200: WebhookShape, **REFUSALS})
@extend_schema(
    methods=["PATCH"], operation_id="change_webhook", request=WebhookChange, responses={200: WebhookShape, **REFUSALS}
)
@extend_schema(methods=["DELETE"], operation_id="delete_webhook", responses={204: None, **REFUSALS})
@api_view(["GET", "PATCH", "DELETE"])
def webhook(request: Request, webhook_id: uuid.UUID) -> Response:
    """Read, change or delete a webhook."""
    actor = actor_of(request)
    row = hooks.find(str(webhook_id), actor=actor)
    if request.method == "DELETE":
        hooks.delete(row, actor=actor)
        return Response(status=204)
    if request.method == "PATCH":
        asked = checked(WebhookChange, request)
        if "events" in asked and row.channel != Channel.SIGNOFF:
            raise Invalid(
                f"Events of {row.get_channel_display()} channel are changed by its own client.", field="events"
            )
        row = hooks.update(row, hooks.Wish(**asked), actor=actor)
    return Response(WebhookShape(row).data)


@extend_schema(operation_id="test_webhook", request=None, responses={200: DeliveryShape, **REFUSALS})
@api_view(["POST"])
def test(request: Request, webhook_id: uuid.UUID) -> Response:
    """Send an example of the first event it asks for, and say how that went."""
    row = hooks.find(str(webhook_id), actor=actor_of(request))
    done = sending.attempt(deliveries.example_delivery(row, events.first_of(row.events)))
    return Response(DeliveryShape(done).data)


@extend_schema(
    operation_id="list_deliveries",
    parameters=[OpenApiParameter("state", enum=list(DeliveryState)), PAGE_SIZE],
    responses={200: DeliveryShape(many=True), **REFUSALS},
)
@api_view(["GET"])
def delivery_log(request: Request, webhook_id: uuid.UUID) -> Response:
    """List a webhook's deliveries, the newest first."""
    actor, state = actor_of(request), one_of(request, "state", DeliveryState)
    rows = deliveries.of(actor).filter(webhook=hooks.find(str(webhook_id), actor=actor))
    rows = rows.filter(state=state) if state else rows
    return Response(DeliveryShape(rows[: limit_of(request)], many=True).data)


@extend_schema(operation_id="redeliver", request=None, responses={200: DeliveryShape, **REFUSALS})
@api_view(["POST"])
def redeliver(request: Request, delivery_id: uuid.UUID) -> Response:
    """Have a delivery sent again at once, under its own id."""
    actor = actor_of(request)
    row = deliveries.of(actor).filter(pk=delivery_id).first()
    if row is None:
        raise NotFound("There is no such delivery.")
    return Response(DeliveryShape(deliveries.redeliver(row, actor=actor)).data)
