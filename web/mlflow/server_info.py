"""server-info: what this server can do, which the client asks before some flows."""

from web.mlflow.wire import Call, Json


def get(call: Call) -> Json:
    """Return what is supported: no workspaces; large files come in parts."""
    del call
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": True,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    }
