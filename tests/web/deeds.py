"""Every route of the server, by method: what is sent there, and who gets through. The access matrix walks it.

`open` are the people let through where dana's model is open to everyone with a role, `shut` where it is restricted.
`{name}` and the like are filled from the scene. What a role may do is the table in accounts/permissions.py; here
stands, in people, what must come of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

EVERYONE = frozenset({"dana", "eli", "olga", "rita", "rob", "aude", "ada", "otto"})
WITH_ROLE = EVERYONE - {"otto"}
SEE_SHUT = frozenset({"dana", "aude", "ada"})
WRITERS = frozenset({"dana", "eli"})
TRACKERS = frozenset({"dana", "eli"})
SPEAKERS = frozenset({"dana", "eli", "olga", "rita", "rob", "ada"})
JUDGES = frozenset({"rita", "rob"})
ASKERS = frozenset({"dana", "eli", "olga"})
LIMITERS = frozenset({"rita", "rob", "ada"})
LABELLERS = frozenset({"dana", "eli", "olga"})
SEE_TO_ALERTS = frozenset({"dana", "eli", "olga", "rita", "rob"})
DEPLOYERS = frozenset({"eli", "olga"})
GIVERS = frozenset({"dana", "ada"})
ADMINS = frozenset({"ada"})
READ_ALL = frozenset({"aude", "ada"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Deed:
    """One request and the people it is answered for. `public` routes know nobody."""

    method: str
    route: str
    open: frozenset[str] = WITH_ROLE
    shut: frozenset[str] | None = None
    body: Mapping[str, object] = field(default_factory=dict)
    query: str = ""
    public: bool = False

    @property
    def in_shut(self) -> frozenset[str]:
        """Who gets through on a restricted model: of those let through, who can see it."""
        return self.open & SEE_SHUT if self.shut is None else self.shut


def anyhow(method: str, route: str, people: frozenset[str] = WITH_ROLE, **more: object) -> Deed:
    """A deed on which the model's restriction has no bearing."""
    return Deed(method, route, people, people, **more)  # type: ignore[arg-type]


V1, MODEL = {"name": "{name}", "version": "1"}, {"name": "{name}"}
M = "api/2.0/mlflow/"
R = "api/v1/"
CAPACITY = {
    name: str(value)
    for name, value in {
        "min_replicas": 1, "max_replicas": 2, "in_flight": 4, "memory_mb": 512, "batch_rows": 1, "max_waiting": 9
    }.items()
}  # fmt: skip
SCHEDULE = {"address": "runs:/x/y", "cron": "0 6 * * *"}
ALERT_RULES = '{"type": "signoff.alerts/1", "rules": []}'
ALL_AT_ONCE = {"strategy": "all-at-once"}
DECISION = {"verdict": "reject", "digest": "{digest}", "subject_digest": "{digest}", "comment": "no"}
CARD_REVIEW = {"verdict": "approve", "outcome": "approve", "digest": "f", "words": "fine"}
ACCEPTANCE = {"digest": "{policy_digest}", "comment": "agreed"}
GLASS = {"digest": "{digest}", "subject_digest": "{digest}", "reason": "fire", "confirm": "Scene"}

# Rows of the admin site: who reads them, who changes them, who adds to them. Nobody deletes there.
READERS = frozenset({"olga", "aude", "ada"})
ADMIN_ROWS: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(
        (
            "accounts/apitoken", "accounts/accessrequest", "audit/checkpoint", "audit/event",
            "registry/approvalrequest", "registry/modelversion", "registry/policyversion", "registry/registeredmodel",
            "deployments/endpoint", "deployments/rollout", "deployments/rolloutinneed", "monitoring/deadletter",
            "monitoring/watch",
        ),
        (READERS, NOBODY, NOBODY),
    ),
    **dict.fromkeys(("accounts/user", "accounts/team"), (READERS, ADMINS, ADMINS)),
    "webhooks/webhook": (ADMINS, ADMINS, ADMINS),
    "webhooks/delivery": (ADMINS, NOBODY, NOBODY),
}  # fmt: skip
ADMIN_REST = {  # what belongs to no rows, and an address there that readers of the admin site may open; "" for none
    "": "/admin/", "jsi18n/": "/admin/jsi18n/", "access-matrix/": "/admin/access-matrix/",
    "password_change/": "/admin/password_change/", "password_change/done/": "/admin/password_change/done/",
    "^(?P<app_label>…)/$": "/admin/registry/", "autocomplete/": "", "login/": "", "logout/": "",
    "r/<path:content_type_id>/<path:object_id>/": "", "(?P<url>.*)$": "",
}  # fmt: skip

PAGES = [
    Deed("GET", "livez", public=True), Deed("GET", "readyz", public=True), Deed("GET", "health", public=True),
    Deed("GET", "version", public=True), Deed("GET", "login", public=True), Deed("POST", "login", public=True),
    Deed("POST", "logout", public=True), Deed("POST", "account/theme", public=True),
    Deed("GET", "gallery", public=True), Deed("GET", f"{R}schema", public=True),
    Deed("GET", "sign-in/<str:secret>", NOBODY, NOBODY), Deed("POST", "sign-in/<str:secret>", NOBODY, NOBODY),
    Deed("GET", "setup/<str:secret>", NOBODY, NOBODY), Deed("POST", "setup/<str:secret>", NOBODY, NOBODY),
    anyhow("GET", "", EVERYONE),
    anyhow("GET", "account/tokens", EVERYONE), anyhow("POST", "account/tokens", EVERYONE),
    anyhow("POST", "account/tokens/<int:token_id>/revoke", frozenset({"dana"})),
    Deed("GET", "help/keys", public=True), Deed("GET", "help/start", public=True),
    anyhow("GET", "palette", EVERYONE), anyhow("GET", "notifications", EVERYONE),
    anyhow("POST", "notifications/read", EVERYONE, body={"until": "2026-11-24T15:00:00+00:00"}),
    anyhow("GET", "account/settings", EVERYONE), anyhow("POST", "account/settings", EVERYONE),
    anyhow("GET", "account/password", EVERYONE), anyhow("POST", "account/password", EVERYONE),
    anyhow("GET", "account/delegation", JUDGES),
    anyhow("POST", "account/delegation", JUDGES, body={"to": "rita", "ends_at": "2026-12-01", "reason": "away"}),
    anyhow("GET", "account/access", EVERYONE), anyhow("POST", "account/access", EVERYONE),
    anyhow("GET", "models", EVERYONE), anyhow("GET", "new-model", frozenset({"dana", "eli"})),
    anyhow("GET", "new-version", frozenset({"dana", "eli"})),
    anyhow("POST", "new-version", frozenset({"dana", "eli"}), body={"name": "other"}),
    anyhow("POST", "new-model", frozenset({"dana", "eli"}), body={"name": "another"}),
    Deed("GET", "models/<str:name>"),
    Deed("POST", "models/<str:name>", WRITERS, body={"description": "x", "risk_tier": "low"}),
    Deed("GET", "models/<str:name>/history"),
    Deed("GET", "models/<str:name>/permissions"),
    Deed("POST", "models/<str:name>/permissions/give", GIVERS, body={"holder": "rita", "right": "read"}),
    Deed("POST", "models/<str:name>/permissions/take", GIVERS, body={"holder": "rita", "right": "read"}),
    Deed("POST", "models/<str:name>/permissions/protect", frozenset({"dana"}) | LIMITERS, body={"alias": "live"}),
    Deed("POST", "models/<str:name>/permissions/restrict", WRITERS, body={"restricted": "yes"}),
    Deed("POST", "models/<str:name>/permissions/values", WRITERS, body={"outcome_values": "1, 0, -500"}),
    Deed("POST", "models/<str:name>/permissions/data", WRITERS, body={"share_pct": "50", "dropped": "iban"}),
    Deed("POST", "models/<str:name>/thresholds", LIMITERS, body={"metric": "auc", "comparison": ">", "value": "0.5"}),
    Deed("POST", "models/<str:name>/thresholds/<int:threshold_id>/delete", LIMITERS),
    Deed("GET", "models/<str:name>/compare", query="?v=1&v=2"),
    Deed("GET", "models/<str:name>/versions/<int:number>"),
    Deed("GET", "models/<str:name>/versions/<int:number>/card"),
    Deed("POST", "models/<str:name>/versions/<int:number>/card", WRITERS, body={"purpose": "x", "do": "save"}),
    Deed("POST", "models/<str:name>/versions/<int:number>/card/review", JUDGES, body=CARD_REVIEW),
    Deed("POST", "models/<str:name>/versions/<int:number>/move", ASKERS, body={"to": "Production"}),
    Deed("POST", "models/<str:name>/versions/<int:number>/annotations", WRITERS, body={"title": "t", "body": "b"}),
    Deed("POST", "models/<str:name>/versions/<int:number>/semver", WRITERS, body={"semver": "1.0.0"}),
    Deed("GET", "runs/<str:run_id>"),
    anyhow("GET", "experiments/<str:experiment_id>"),
    anyhow("GET", "approvals", EVERYONE),
    Deed("GET", "approvals/<int:number>"),
    Deed("POST", "approvals/<int:number>/decide", JUDGES, body=DECISION),
    Deed("POST", "approvals/<int:number>/break-glass", frozenset({"olga"}), body=GLASS),
    Deed("POST", "approvals/<int:number>/glass-review", JUDGES, body={"comment": "right"}),
    Deed("POST", "approvals/<int:number>/comments", SPEAKERS, body={"body": "hm"}),
    Deed("POST", "approvals/<int:number>/comments/<int:comment_id>", frozenset({"dana"}), body={"body": "hm"}),
    Deed("POST", "approvals/<int:number>/withdraw", frozenset({"dana", "olga"}), body={"comment": "no"}),
    anyhow("GET", "policies"), anyhow("GET", "new-policy", LIMITERS),
    anyhow("POST", "new-policy", LIMITERS, body={"text": "{policy}"}),
    anyhow("GET", "policies/<slug:name>"), anyhow("GET", "policies/<slug:name>/versions/<int:number>"),
    anyhow("POST", "policies/<slug:name>/versions/<int:number>/accept", JUDGES, body=ACCEPTANCE),
    anyhow("POST", "policies/<slug:name>/versions/<int:number>/turn-down", LIMITERS, body={"comment": "no"}),
    anyhow("GET", "endpoints", EVERYONE), anyhow("GET", "running", EVERYONE), anyhow("GET", "new-endpoint", DEPLOYERS),
    Deed("POST", "new-endpoint", DEPLOYERS, body={"name": "another", "model": "{name}", "environment": "staging"}),
    Deed("GET", "endpoints/<slug:name>"),
    Deed("GET", "endpoints/<slug:name>/capacity"),
    Deed("GET", "endpoints/<slug:name>/alerts"),
    Deed("GET", "endpoints/<slug:name>/alert-rules"),
    Deed("POST", "endpoints/<slug:name>/alert-rules", DEPLOYERS, body={"text": ALERT_RULES}),
    Deed(
        "POST", "endpoints/<slug:name>/alerts/<int:alert_id>/acknowledge", SEE_TO_ALERTS,
        body={"comment": "x"},
    ),
    anyhow("GET", f"{R}alert-rules-schema"),
    Deed("GET", f"{R}endpoints/<slug:name>/alert-rules"),
    Deed("PUT", f"{R}endpoints/<slug:name>/alert-rules", DEPLOYERS, body={"text": ALERT_RULES}),
    Deed("GET", f"{R}endpoints/<slug:name>/alerts"),
    Deed(
        "POST", f"{R}endpoints/<slug:name>/alerts/<int:alert_id>/acknowledgement",
        SEE_TO_ALERTS, body={"comment": "x"},
    ),
    Deed("GET", "endpoints/<slug:name>/drift", query="?version=1&feature=age"),
    Deed("GET", "endpoints/<slug:name>/prediction", query="?id=q"),
    Deed(
        "POST", "endpoints/<slug:name>/drift", frozenset({"dana", "eli", "olga"}), body={"comment": "x"},
        query="?version=1&feature=age",
    ),
    Deed("GET", f"{R}endpoints/<slug:name>/outcomes"),
    Deed("GET", "endpoints/<slug:name>/outcomes.csv", query="?since=2026-11-01&until=2026-11-02"),
    Deed("GET", f"{R}endpoints/<slug:name>/drift"),
    Deed(
        "POST", f"{R}endpoints/<slug:name>/drift/acknowledgement", frozenset({"dana", "eli", "olga"}),
        body={"version": "1", "feature": "age", "comment": "x"},
    ),
    Deed("GET", "endpoints/<slug:name>/batch"), Deed("POST", "endpoints/<slug:name>/batch", DEPLOYERS),
    *(Deed("GET", f"endpoints/<slug:name>/batch/<int:number>{part}") for part in ("", "/live", "/actions")),
    Deed("POST", "endpoints/<slug:name>/batch/<int:number>/cancel", DEPLOYERS),
    Deed("POST", "endpoints/<slug:name>/batch/schedules", DEPLOYERS, body=SCHEDULE),
    Deed("POST", "endpoints/<slug:name>/batch/schedules/<int:number>/end", DEPLOYERS),
    Deed("GET", "endpoints/<slug:name>/batch/<int:number>/files/<str:which>"),
    Deed("GET", "endpoints/<slug:name>/beside"), Deed("GET", "endpoints/<slug:name>/labels"),
    Deed("GET", "endpoints/<slug:name>/labels/<int:number>"),
    Deed("POST", "endpoints/<slug:name>/labels", LABELLERS),
    Deed("GET", "endpoints/<slug:name>/monitoring"), Deed("GET", "endpoints/<slug:name>/series.<str:form>"),
    Deed("POST", "endpoints/<slug:name>/plan", body={"strategy": "canary"}),
    Deed("POST", "endpoints/<slug:name>/deploy", DEPLOYERS, body={"version": "1", "strategy": "all-at-once"}),
    Deed("POST", "endpoints/<slug:name>/start/<int:number>", DEPLOYERS),
    Deed("POST", "endpoints/<slug:name>/rollback", DEPLOYERS, body={"reason": "worse", "version": "1"}),
    Deed("POST", "endpoints/<slug:name>/withdraw", DEPLOYERS, body={"version": "1", "reason": "x", "confirm": "scene"}),
    Deed("POST", "endpoints/<slug:name>/capacity", DEPLOYERS, body=CAPACITY),
    Deed("POST", "endpoints/<slug:name>/tokens", DEPLOYERS, body={"label": "caller", "days": "1"}),
    Deed("POST", "endpoints/<slug:name>/tokens/<int:token_id>/revoke", DEPLOYERS),
    anyhow("GET", "deployments", EVERYONE), anyhow("GET", "rolling-out", EVERYONE),
    Deed("GET", "deployments/<int:number>"), Deed("GET", "deployments/<int:number>/live"),
    *(Deed("GET", f"deployments/<int:number>/{part}") for part in ("copies", "actions", "dialogs", "operator")),
    Deed("POST", "deployments/<int:number>/cancel", DEPLOYERS),
    Deed("POST", "deployments/<int:number>/steer", DEPLOYERS, body={"do": "pause", "reason": "x"}),
    Deed("POST", "deployments/<int:number>/intervene", DEPLOYERS, body={"do": "give_up", "reason": "x"}),
    anyhow("GET", "audit"), Deed("GET", "audit/<int:seq>"), Deed("GET", "audit/unsealed/<int:row>"),
    anyhow("GET", "audit/mismatches", READ_ALL), anyhow("GET", "audit/mismatches/<int:number>", READ_ALL),
    anyhow("POST", "audit/mismatches/<int:number>/settle", ADMINS, body={"found": "Production", "reason": "x"}),
    anyhow("GET", "audit/verification/<int:number>"),
    anyhow("POST", "audit/verify"), anyhow("GET", "audit/export.zip", READ_ALL),
    anyhow("GET", "audit/export.<str:form>"),
]  # fmt: skip

REST = [
    anyhow("GET", "admin/access-matrix/", frozenset({"olga", "aude", "ada"})),
    anyhow("GET", f"{R}delegation", JUDGES), anyhow("DELETE", f"{R}delegation", JUDGES),
    anyhow("POST", f"{R}delegation", JUDGES, body={"to": "robin", "ends_at": "{tomorrow}", "reason": "away"}),
    anyhow("GET", f"{R}me"), anyhow("GET", f"{R}models"),
    anyhow("POST", f"{R}models", frozenset({"dana", "eli"}), body={"name": "another"}),
    Deed("GET", f"{R}models/<str:name>"),
    Deed("PATCH", f"{R}models/<str:name>", WRITERS, body={"description": "x"}),
    Deed("GET", f"{R}models/<str:name>/versions"), anyhow("GET", f"{R}versions", query="?q=stage='None'"),
    Deed("GET", f"{R}models/<str:name>/compare", query="?v=1&v=2"),
    Deed("GET", f"{R}models/<str:name>/history"), Deed("GET", f"{R}runs/<str:run_id>"),
    Deed("PUT", f"{R}models/<str:name>/protected-aliases", frozenset({"dana"}) | LIMITERS, body={"alias": "live"}),
    Deed("PUT", f"{R}models/<str:name>/thresholds", LIMITERS, body={"metric": "auc", "comparison": ">", "value": 0.5}),
    Deed("GET", f"{R}models/<str:name>/versions/<int:number>"),
    Deed("GET", f"{R}models/<str:name>/versions/<int:number>/card"),
    Deed("PUT", f"{R}models/<str:name>/versions/<int:number>/card", WRITERS, body={"sections": {"purpose": "x"}}),
    Deed("POST", f"{R}models/<str:name>/versions/<int:number>/card/review", JUDGES, body=CARD_REVIEW),
    Deed("PATCH", f"{R}models/<str:name>/versions/<int:number>", WRITERS, body={"semver": "1.0.1"}),
    Deed("POST", f"{R}models/<str:name>/versions/<int:number>/annotations", WRITERS, body={"title": "t", "body": "b"}),
    Deed("POST", f"{R}moves", ASKERS, body={"model": "{name}", "version": 1, "stage": "Production"}),
    anyhow("GET", f"{R}requests"),
    Deed("POST", f"{R}requests", ASKERS, body={"model": "{name}", "version": 1, "stage": "Production"}),
    Deed("GET", f"{R}requests/<int:number>"),
    Deed("POST", f"{R}requests/<int:number>/decisions", JUDGES, body=DECISION),
    Deed("POST", f"{R}requests/<int:number>/break-glass", frozenset({"olga"}), body=GLASS),
    Deed("POST", f"{R}requests/<int:number>/glass-review", JUDGES, body={"body": "right"}),
    Deed("POST", f"{R}requests/<int:number>/comments", SPEAKERS, body={"body": "hm"}),
    Deed("POST", f"{R}requests/<int:number>/withdraw", frozenset({"dana", "olga"})),
    anyhow("POST", f"{R}ingest", NOBODY),
    anyhow("GET", f"{R}pods/<str:digest>/manifest", NOBODY), anyhow("GET", f"{R}pods/<str:digest>/lock", NOBODY),
    anyhow("GET", f"{R}pods/<str:digest>/files/<str:sha256>", NOBODY),
    anyhow("GET", f"{R}pods/<str:digest>/tokens", NOBODY),
    anyhow("GET", f"{R}pods/<str:digest>/feature-policy", NOBODY),
    Deed("POST", f"{R}labels", LABELLERS, body={"endpoint": "scene", "labels": [{"request_id": "q", "label": 1}]}),
    Deed("GET", f"{R}endpoints/<slug:name>/series", query="?metric=errors"),
    anyhow("GET", f"{R}policies"), anyhow("GET", f"{R}policy-schema"), anyhow("GET", f"{R}policies/<slug:name>"),
    anyhow("PUT", f"{R}policies/<slug:name>", LIMITERS, body={"text": "{policy}"}),
    anyhow("GET", f"{R}policies/<slug:name>/versions/<int:number>"),
    anyhow("GET", f"{R}policies/<slug:name>/versions/<int:number>/dry-run"),
    anyhow("POST", f"{R}policies/<slug:name>/versions/<int:number>/accept", JUDGES, body=ACCEPTANCE),
    anyhow("POST", f"{R}policies/<slug:name>/versions/<int:number>/turn-down", LIMITERS, body={"comment": "no"}),
    anyhow("GET", f"{R}endpoints"), anyhow("GET", f"{R}running"),
    Deed("POST", f"{R}endpoints", DEPLOYERS, body={"name": "another", "model": "{name}", "environment": "staging"}),
    Deed("GET", f"{R}endpoints/<slug:name>"),
    Deed("PATCH", f"{R}endpoints/<slug:name>/capacity", DEPLOYERS, body={"max_replicas": 2}),
    Deed("POST", f"{R}endpoints/<slug:name>/tokens", DEPLOYERS, body={"label": "caller", "days": 1}),
    Deed("POST", f"{R}endpoints/<slug:name>/tokens/<int:token_id>/revoke", DEPLOYERS),
    Deed("POST", f"{R}endpoints/<slug:name>/rollback", DEPLOYERS, body={"reason": "worse"}),
    Deed("POST", f"{R}endpoints/<slug:name>/withdraw", DEPLOYERS, body={"version": 1, "reason": "x"}),
    Deed("GET", f"{R}endpoints/<slug:name>/batch-jobs"),
    Deed("POST", f"{R}endpoints/<slug:name>/batch-jobs", DEPLOYERS, body={"address": "runs:/{run}/plots/roc.png"}),
    Deed("POST", f"{R}endpoints/<slug:name>/batch-files", DEPLOYERS),
    Deed("GET", f"{R}endpoints/<slug:name>/batch-schedules"),
    Deed("POST", f"{R}endpoints/<slug:name>/batch-schedules", DEPLOYERS, body=SCHEDULE),
    Deed("POST", f"{R}endpoints/<slug:name>/batch-schedules/<int:number>/end", DEPLOYERS),
    Deed("GET", f"{R}endpoints/<slug:name>/batch-jobs/<int:number>"),
    Deed("POST", f"{R}endpoints/<slug:name>/batch-jobs/<int:number>/cancel", DEPLOYERS),
    Deed("GET", f"{R}endpoints/<slug:name>/batch-jobs/<int:number>/<str:which>"),
    anyhow("GET", f"{R}rollouts"),
    Deed("POST", f"{R}rollouts", DEPLOYERS, body={"endpoint": "scene", "version": 1, "plan": ALL_AT_ONCE}),
    anyhow("GET", f"{R}metrics", WITH_ROLE),
    Deed("GET", f"{R}rollouts/<int:number>"),
    Deed("GET", f"{R}rollouts/<int:number>/disagreements"), Deed("GET", f"{R}rollouts/<int:number>/kpis"),
    Deed("POST", f"{R}rollouts/<int:number>/kpis", LABELLERS, body={"kpi": "revenue", "units": []}),
    Deed("POST", f"{R}rollouts/<int:number>/cancel", DEPLOYERS, body={"reason": "x"}),
    Deed("POST", f"{R}rollouts/<int:number>/steer", DEPLOYERS, body={"do": "pause", "reason": "x"}),
    Deed("POST", f"{R}rollouts/<int:number>/intervene", DEPLOYERS, body={"do": "give_up", "reason": "x"}),
    anyhow("GET", f"{R}audit/events"), Deed("GET", f"{R}audit/events/<int:seq>"),
    Deed("GET", f"{R}audit/events/<int:seq>/proof"), anyhow("GET", f"{R}audit/checkpoint"),
    anyhow("GET", f"{R}audit/mismatches", READ_ALL), anyhow("GET", f"{R}audit/mismatches/<int:number>", READ_ALL),
    anyhow(
        "POST", f"{R}audit/mismatches/<int:number>/settle", ADMINS, body={"found": "Production", "reason": "x"}
    ),
]  # fmt: skip

REGISTRY = [
    anyhow("POST", f"{M}registered-models/create", frozenset({"dana", "eli"}), body={"name": "another"}),
    Deed("GET", f"{M}registered-models/get", query="?name={name}"),
    Deed("PATCH", f"{M}registered-models/update", WRITERS, body={**MODEL, "description": "x"}),
    Deed("POST", f"{M}registered-models/rename", WRITERS, body={**MODEL, "new_name": "renamed"}),
    Deed("DELETE", f"{M}registered-models/delete", WRITERS, body=MODEL),
    anyhow("GET", f"{M}registered-models/search", EVERYONE),
    Deed("GET", f"{M}registered-models/get-latest-versions", query="?name={name}"),
    Deed("POST", f"{M}registered-models/get-latest-versions", body=MODEL),
    Deed("POST", f"{M}registered-models/set-tag", WRITERS, body={**MODEL, "key": "k", "value": "v"}),
    Deed("DELETE", f"{M}registered-models/delete-tag", WRITERS, body={**MODEL, "key": "k"}),
    Deed("POST", f"{M}registered-models/alias", WRITERS, body={**V1, "alias": "shadow"}),
    Deed("DELETE", f"{M}registered-models/alias", WRITERS, body={**MODEL, "alias": "shadow"}),
    Deed("GET", f"{M}registered-models/alias", query="?name={name}&alias=first"),
    Deed("POST", f"{M}model-versions/create", WRITERS, body={**MODEL, "source": "s3://bucket/model"}),
    Deed("GET", f"{M}model-versions/get", query="?name={name}&version=1"),
    Deed("PATCH", f"{M}model-versions/update", WRITERS, body={**V1, "description": "x"}),
    Deed("DELETE", f"{M}model-versions/delete", WRITERS, body=V1),
    anyhow("GET", f"{M}model-versions/search", EVERYONE),
    Deed("GET", f"{M}model-versions/get-download-uri", query="?name={name}&version=1"),
    Deed("POST", f"{M}model-versions/transition-stage", ASKERS, body={**V1, "stage": "Production"}),
    Deed("POST", f"{M}model-versions/set-tag", WRITERS, body={**V1, "key": "k", "value": "v"}),
    Deed("DELETE", f"{M}model-versions/delete-tag", WRITERS, body={**V1, "key": "k"}),
]

OWN_RUN = {"run_id": "{run}", "run_uuid": "{run}"}
EXPERIMENT = {"experiment_id": "{experiment}"}
TRACKING = [
    anyhow("POST", f"{M}experiments/create", TRACKERS, body={"name": "new experiment"}),
    anyhow("GET", f"{M}experiments/get", query="?experiment_id=0"),
    anyhow("GET", f"{M}experiments/get-by-name", query="?experiment_name=Default"),
    anyhow("GET", f"{M}experiments/search", query="?max_results=5"),
    anyhow("POST", f"{M}experiments/search", body={"max_results": 5}),
    anyhow("POST", f"{M}experiments/update", TRACKERS, body={**EXPERIMENT, "new_name": "other"}),
    anyhow("POST", f"{M}experiments/delete", TRACKERS, body=EXPERIMENT),
    anyhow("POST", f"{M}experiments/restore", TRACKERS, body={"experiment_id": "{gone}"}),
    anyhow("POST", f"{M}experiments/set-experiment-tag", TRACKERS, body={**EXPERIMENT, "key": "k", "value": "v"}),
    anyhow("POST", f"{M}experiments/delete-experiment-tag", TRACKERS, body={**EXPERIMENT, "key": "old"}),
    anyhow("POST", f"{M}runs/create", TRACKERS, body={"experiment_id": "0", "start_time": 1}),
    Deed("GET", f"{M}runs/get", query="?run_id={run}"),
    Deed("POST", f"{M}runs/update", TRACKERS, body={**OWN_RUN, "status": "FINISHED"}),
    Deed("POST", f"{M}runs/delete", TRACKERS, body=OWN_RUN),
    Deed("POST", f"{M}runs/restore", TRACKERS, body=OWN_RUN),
    anyhow("POST", f"{M}runs/search", body={"experiment_ids": ["0"]}),
    Deed("POST", f"{M}runs/log-metric", TRACKERS, body={**OWN_RUN, "key": "k", "value": 1.0, "timestamp": 1}),
    Deed("POST", f"{M}runs/log-parameter", TRACKERS, body={**OWN_RUN, "key": "k", "value": "1"}),
    Deed("POST", f"{M}runs/log-batch", TRACKERS, body={"run_id": "{run}"}),
    Deed("POST", f"{M}runs/log-inputs", TRACKERS, body={"run_id": "{run}"}),
    Deed("POST", f"{M}runs/outputs", TRACKERS, body={"run_id": "{run}", "models": []}),
    Deed("POST", f"{M}runs/set-tag", TRACKERS, body={**OWN_RUN, "key": "k", "value": "v"}),
    Deed("POST", f"{M}runs/delete-tag", TRACKERS, body={"run_id": "{run}", "key": "old"}),
    Deed("POST", f"{M}runs/log-model", TRACKERS, body={"run_id": "{run}", "model_json": "{}"}),
    Deed("GET", f"{M}metrics/get-history", query="?run_id={run}&metric_key=auc"),
    anyhow("POST", f"{M}logged-models", TRACKERS, body={"experiment_id": "0", "name": "m"}),
    anyhow("POST", f"{M}logged-models/search", body={"experiment_ids": ["0"]}),
    Deed("GET", f"{M}logged-models/<str:model_id>"),
    Deed(
        "PATCH",
        f"{M}logged-models/<str:model_id>",
        TRACKERS,
        body={"model_id": "{logged}", "status": "LOGGED_MODEL_READY"},
    ),
    Deed("DELETE", f"{M}logged-models/<str:model_id>", TRACKERS),
    Deed("PATCH", f"{M}logged-models/<str:model_id>/tags", TRACKERS, body={"tags": [{"key": "k", "value": "v"}]}),
    Deed("DELETE", f"{M}logged-models/<str:model_id>/tags/<path:tag_key>", TRACKERS),
    Deed("POST", f"{M}logged-models/<str:model_id>/params", TRACKERS, body={"params": []}),
    Deed("GET", f"{M}logged-models/<str:model_id>/artifacts/directories"),
    Deed("GET", f"{M}artifacts/list", query="?run_id={run}"),
]

V2 = {"name": "{name}", "version": "2"}
SECOND = {**V2, "stage": "Production", "comment": "no"}  # what dana's open request asks for
SPEC = {"url": "http://127.0.0.1:9/hook"}
WORKSPACE = [
    Deed("POST", f"{M}transition-requests/create", ASKERS, body={**V1, "stage": "Production"}),
    Deed("GET", f"{M}transition-requests/list", query="?name={name}&version=2"),
    Deed("POST", f"{M}transition-requests/approve", JUDGES, body={**SECOND, "archive_existing_versions": True}),
    Deed("POST", f"{M}transition-requests/reject", JUDGES, body=SECOND),
    Deed(
        "DELETE",
        f"{M}transition-requests/delete",
        frozenset({"dana", "olga"}),
        query="?name={name}&version=2&stage=Production&creator=dana",
    ),
    Deed("POST", f"{M}comments/create", SPEAKERS, body={**V2, "comment": "hm"}),
    Deed("PATCH", f"{M}comments/update", frozenset({"dana"}), body={"id": "{comment}", "comment": "hm"}),
    Deed("DELETE", f"{M}comments/delete", frozenset({"dana"}), query="?id={comment}"),
    Deed("GET", f"{M}databricks/registered-models/get", query="?name={name}"),
    Deed("POST", f"{M}databricks/model-versions/transition-stage", ASKERS, body={**V1, "stage": "Production"}),
    anyhow("GET", f"{M}registered-models/list", EVERYONE),
    anyhow("POST", f"{M}registry-webhooks/create", ADMINS, body={"events": ["COMMENT_CREATED"], "http_url_spec": SPEC}),
    anyhow("GET", f"{M}registry-webhooks/list", ADMINS),
    anyhow("PATCH", f"{M}registry-webhooks/update", ADMINS, body={"id": "{workspace_hook}", "description": "x"}),
    anyhow("DELETE", f"{M}registry-webhooks/delete", ADMINS, query="?id={workspace_hook}"),
    anyhow("POST", f"{M}registry-webhooks/test", ADMINS, body={"id": "{workspace_hook}"}),
]

PROXY = "api/2.0/mlflow-artifacts/"
ARTIFACTS = [
    Deed("GET", f"{PROXY}artifacts", query="?path={root}"),
    Deed("GET", f"{PROXY}artifacts/<path:path>"),
    Deed("PUT", f"{PROXY}artifacts/<path:path>", TRACKERS),
    Deed("DELETE", f"{PROXY}artifacts/<path:path>", TRACKERS),
    Deed("POST", f"{PROXY}mpu/create/<path:folder>", TRACKERS, body={"path": "part.bin"}),
    Deed("POST", f"{PROXY}mpu/complete/<path:folder>", TRACKERS, body={"path": "part.bin", "upload_id": "{upload}"}),
    Deed("POST", f"{PROXY}mpu/abort/<path:folder>", TRACKERS, body={"path": "part.bin", "upload_id": "{upload}"}),
    Deed("PUT", f"{PROXY}parts/<str:signed>", NOBODY, NOBODY),
    anyhow("GET", f"{PROXY}presigned/<path:path>", EVERYONE),
    anyhow("GET", "api/3.0/mlflow/server-info", EVERYONE),
    Deed("GET", "get-artifact", query="?run_id={run}&path=plots/roc.png"),
    Deed("GET", "model-versions/get-artifact", query="?name={name}&version=1&path=MLmodel"),
]

EVENTS = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
HOOK = {"name": "hook", "url": "http://127.0.0.1:9/hook", "events": EVENTS}
WEBHOOKS = [
    anyhow("GET", f"{M}webhooks", ADMINS), anyhow("POST", f"{M}webhooks", ADMINS, body=HOOK),
    anyhow("GET", f"{M}webhooks/<str:webhook_id>", ADMINS),
    anyhow("PATCH", f"{M}webhooks/<str:webhook_id>", ADMINS, body={"name": "other"}),
    anyhow("DELETE", f"{M}webhooks/<str:webhook_id>", ADMINS),
    anyhow("POST", f"{M}webhooks/<str:webhook_id>/test", ADMINS),
    anyhow("GET", f"{R}webhooks", ADMINS),
    anyhow("POST", f"{R}webhooks", ADMINS, body={**HOOK, "events": ["request.*"]}),
    anyhow("GET", f"{R}webhooks/<uuid:webhook_id>", ADMINS),
    anyhow("PATCH", f"{R}webhooks/<uuid:webhook_id>", ADMINS, body={"name": "other"}),
    anyhow("DELETE", f"{R}webhooks/<uuid:webhook_id>", ADMINS),
    anyhow("POST", f"{R}webhooks/<uuid:webhook_id>/test", ADMINS),
    anyhow("GET", f"{R}webhooks/<uuid:webhook_id>/deliveries", ADMINS),
    anyhow("POST", f"{R}deliveries/<uuid:delivery_id>/redeliver", ADMINS),
]  # fmt: skip

DEEDS = [*PAGES, *REST, *REGISTRY, *TRACKING, *WORKSPACE, *ARTIFACTS, *WEBHOOKS]
