"""Addresses of the browser pages."""

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
del path
