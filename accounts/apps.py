"""The Django app of people and rights."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, roles, tokens."""

    name = "accounts"
