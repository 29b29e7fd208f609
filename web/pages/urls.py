"""Addresses of the browser pages."""

from django.urls import URLPattern, path

from web.pages import account, approvals, audit, home, models, permissions, runs, sign_in, versions

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("login", sign_in.sign_in, name="login"),
    path("logout", sign_in.sign_out, name="logout"),
    path("sign-in/<str:secret>", sign_in.by_link, name="sign-in-link"),
    path("setup/<str:secret>", sign_in.set_up, name="setup"),
    path("account/tokens", account.api_tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke", account.revoke_token, name="revoke-token"),
    path("account/theme", account.set_theme, name="theme"),
    path("account/access", account.access, name="access"),
    path("models", models.models, name="models"),
    path("new-model", models.new, name="new-model"),
    path("models/<str:name>", models.model, name="model"),
    path("models/<str:name>/history", models.model_history, name="model-history"),
    path("models/<str:name>/permissions", permissions.permissions, name="permissions"),
    path("models/<str:name>/permissions/give", permissions.give, name="give-right"),
    path("models/<str:name>/permissions/take", permissions.take, name="take-right"),
    path("models/<str:name>/permissions/restrict", permissions.restrict, name="restrict"),
    path("models/<str:name>/thresholds", models.set_threshold, name="set-threshold"),
    path("models/<str:name>/thresholds/<int:threshold_id>/delete", models.delete_threshold, name="delete-threshold"),
    path("models/<str:name>/compare", versions.side_by_side, name="compare"),
    path("models/<str:name>/versions/<int:number>", versions.version, name="version"),
    path("models/<str:name>/versions/<int:number>/move", versions.move, name="move"),
    path("models/<str:name>/versions/<int:number>/annotations", versions.annotate, name="annotate"),
    path("runs/<str:run_id>", runs.run, name="run"),
    path("approvals", approvals.inbox, name="approvals"),
    path("approvals/<int:number>", approvals.review, name="review"),
    path("approvals/<int:number>/decide", approvals.decide, name="decide"),
    path("approvals/<int:number>/comments", approvals.comment, name="comment"),
    path("approvals/<int:number>/comments/<int:comment_id>", approvals.edit_comment, name="edit-comment"),
    path("approvals/<int:number>/withdraw", approvals.withdraw, name="withdraw"),
    path("audit", audit.ledger, name="audit"),
    path("audit/<int:seq>", audit.event, name="event"),
    path("audit/unsealed/<int:row>", audit.unsealed, name="unsealed-event"),
    path("audit/verify", audit.verify_now, name="verify"),
    path("audit/export.zip", audit.export_all, name="export-all"),
    path("audit/export.<str:form>", audit.export_selection, name="export-selection"),
]
