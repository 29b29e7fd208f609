"""Own REST: numbers of the business for units of a rollout, and what the rollout does to them."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import kpis, rollouts
from monitoring.kpis import Compared
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.reading import checked


class Numbers(serializers.Serializer[dict[str, object]]):
    """One number, of 10,000 units at most."""

    kpi = serializers.CharField(max_length=64, help_text="such as revenue")
    units = serializers.ListField(
        child=serializers.JSONField(),
        help_text="of {unit, pre, post}: as in the header of its requests; its number before the rollout and since",
    )


class Kept(serializers.Serializer[dict[str, int]]):
    """What became of them."""

    new = serializers.IntegerField()
    revised = serializers.IntegerField(help_text="other than before; the earlier word is kept")
    repeated = serializers.IntegerField(help_text="known already")


class Side(serializers.Serializer[Any]):
    """The units that got one version."""

    units = serializers.IntegerField()
    mean = serializers.FloatField()


class Bounds(serializers.Serializer[Any]):
    """From, to."""

    lo = serializers.FloatField()
    hi = serializers.FloatField()


class UpliftShape(serializers.Serializer[Any]):
    """The candidate's mean less the live version's, cleared of what the units did before."""

    est = serializers.FloatField(allow_null=True)
    lo = serializers.FloatField(allow_null=True, help_text="95 %, for one look at a finished comparison")
    hi = serializers.FloatField(allow_null=True)
    sequence = Bounds(allow_null=True, help_text="95 %, however often one looks")
    why_not = serializers.CharField(allow_null=True, help_text="why nothing is claimed")


class ComparedShape(serializers.Serializer[Any]):
    """One number, compared between units that got the live version and those that got the candidate."""

    kpi = serializers.CharField()
    share_pct = serializers.IntegerField(help_text="whose units are compared; 0 where there are none")
    live = Side()
    candidate = Side()
    elsewhere = serializers.IntegerField(help_text="units told of that made no request at that share")
    uplift = UpliftShape()


def shape(one: Compared) -> dict[str, object]:
    """Return a comparison as it is sent."""
    live, candidate = ({"units": units, "mean": mean} for units, mean in zip(one.sides, one.means, strict=True))
    said = {name: value for name, value in asdict(one).items() if name in {"kpi", "share_pct", "elsewhere"}}
    return {**said, "live": live, "candidate": candidate, "uplift": one.uplift.told}


@extend_schema(methods=["GET"], operation_id="compare_kpis", responses={200: ComparedShape(many=True)})
@extend_schema(methods=["POST"], operation_id="tell_kpis", request=Numbers, responses={200: Kept, **REFUSALS})
@api_view(["GET", "POST"])
def numbers(request: Request, number: int) -> Response:
    """Read what a rollout does to numbers of the business; or tell them, as often and as late as you like."""
    actor = actor_of(request)
    found = rollouts.find_rollout(number, actor=actor)
    if request.method == "POST":
        asked = checked(Numbers, request)
        return Response(kpis.tell(found, asked["kpi"], asked["units"], actor=actor))
    return Response(ComparedShape([shape(one) for one in kpis.compared(found)], many=True).data)
