"""The gallery: each component in each state, each page with made-up data. Off unless SIGNOFF_GALLERY=on."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from web.pages import gallery_charts, gallery_data

STATUS_OF_ERROR_PAGE = 200  # shown here, not happening


def gallery(request: HttpRequest) -> HttpResponse:
    """Show the components, one page in one state (`?show=<template>[&state=<name>]`), or the points of charts."""
    if "points" in request.GET:
        return JsonResponse(gallery_charts.points(request.GET["points"]))
    name = request.GET.get("show", "")
    if not name:
        return render(request, "gallery/index.html", {**gallery_data.COMPONENTS, "pages": gallery_data.addresses()})
    state = request.GET.get("state", "usual")
    context = gallery_data.PAGES.get(name, {}).get(state)
    if context is None:
        raise Http404
    return render(request, f"{name}.html", context, status=STATUS_OF_ERROR_PAGE)
