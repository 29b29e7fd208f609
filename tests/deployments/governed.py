"""The rows that governance rests on. Each column is told of by the ledger, or stands here with why it need not be."""

from django.contrib.auth.models import Group

from accounts.models import AccessRequest, ApiToken, SignInLink, User
from deployments.models import InstalledRight, Rollout
from registry import models as rows

SHOWN = "shown beside an event that has its own moment; nothing is decided by it"
LISTED = "orders lists; nothing is decided by it"
GOVERNED = (
    rows.RegisteredModel, rows.MetricThreshold, rows.ModelVersion, rows.Alias, rows.ModelCard, rows.VersionFact,
    rows.Manifest, rows.ApprovalRequest, rows.RequestRule, rows.Check, rows.Decision, rows.Comment, rows.BrokenGlass,
    rows.Policy, rows.PolicyVersion, rows.Delegation, rows.RegisteredModelUserPermission,
    rows.RegisteredModelGroupPermission, User, Group, ApiToken,
)  # fmt: skip
SERVED = (Rollout, InstalledRight)
HARMLESS: dict[type, dict[str, str]] = {
    rows.RegisteredModel: {
        "next_version": "a number that was used is refused by the database",
        "created_at": LISTED,
        "updated_at": LISTED,
    },
    rows.ModelVersion: {
        "status": "a word for clients of MLflow; whether files are held is asked of the manifest",
        "status_message": "a word for clients of MLflow",
        "updated_at": LISTED,
    },
    rows.ModelCard: {"edited_at": SHOWN, "reviewed_at": SHOWN},
    rows.VersionFact: {
        "found": "examples of why it is not good; whether it is stands in `good` and `words`",
        "by": "another scanner or key looks again, and what it finds is an event",
        "at": SHOWN,
    },
    rows.Manifest: {"body": "held to its digest wherever it is read", "created_at": LISTED},
    rows.ApprovalRequest: {
        "uuid": "a name for webhooks",
        "due_at": "nothing happens when it is over",
        "ended_at": SHOWN,
        "ended_why": "the sentence of the event that ended it",
    },
    rows.Comment: {"created_at": SHOWN, "edited_at": SHOWN},
    rows.Policy: {"created_at": LISTED},
    rows.PolicyVersion: {"created_at": SHOWN, "decided_at": SHOWN},
    rows.Delegation: {"created_at": SHOWN},
    User: {
        **dict.fromkeys(("theme", "density", "times", "rows", "single_keys"), "how she likes the pages"),
        **dict.fromkeys(("notices_seen_at", "last_login", "date_joined"), SHOWN),
    },
    Rollout: {
        **dict.fromkeys(("started_at", "sent_back_at"), SHOWN),
        "why": "the sentence of the event that moved it",
        **dict.fromkeys(
            ("fence", "holder", "lease_until"), "the engine's claim: who works on it, and no longer which work it is"
        ),
    },
    ApiToken: {"label": "her own word for it", "created_at": SHOWN, "last_used_at": SHOWN},
}
UNGOVERNED: dict[type, str] = {
    SignInLink: "signs in from the host's own loopback only, where whoever made it could run a command",
    AccessRequest: "a wish; a role is given by an event",
    rows.CommentRevision: "an earlier text, which stands in the event that replaced it",
    rows.Blob: "bytes by their digest, measured when they are used",
    rows.ManifestFile: "an index of the manifest's body by path",
    **dict.fromkeys((rows.StoredFile, rows.Upload, rows.UploadPart), "what clients may change at any time"),
    rows.Hold: "what is placed from above is placed again",
    rows.Imported: "what was brought over, to be found again",
    **dict.fromkeys((rows.ModelTag, rows.VersionTag, rows.Annotation), "words of whoever may write"),
    rows.VersionValue: "an index of the evidence for searches",
    **dict.fromkeys(
        (
            rows.Experiment,
            rows.LoggedModel,
            rows.Metric,
            rows.Param,
            rows.Run,
            rows.RunInput,
            rows.RunOutput,
            rows.RunTag,
        ),
        "tracking, which clients may change; what counts is copied as evidence at registration",
    ),
}
