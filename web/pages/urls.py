"""Addresses of the browser pages."""

from django.urls import URLPattern, path

from web.pages import account, sign_in

urlpatterns: list[URLPattern] = [
    path("login", sign_in.sign_in, name="login"),
    path("logout", sign_in.sign_out, name="logout"),
    path("sign-in/<str:secret>", sign_in.by_link, name="sign-in-link"),
    path("setup/<str:secret>", sign_in.set_up, name="setup"),
    path("account/tokens", account.api_tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke", account.revoke_token, name="revoke-token"),
    path("account/theme", account.set_theme, name="theme"),
    path("account/access", account.access, name="access"),
]
