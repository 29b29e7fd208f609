"""Every address of the server. A route that tests/web/test_access_matrix.py does not list fails there."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from web import errors, health
from web.mlflow import urls as mlflow
from web.pages import access, sign_in
from web.pages import urls as pages
from web.rest import urls as rest

# Programs call all day and are looked for first.
urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("health", health.health, name="health"),
    path("version", health.version, name="version"),
    path("admin/login/", sign_in.to_sign_in),
    path("admin/logout/", sign_in.sign_out),
    path("admin/access-matrix/", access.matrix, name="access-matrix"),
    path("admin/", admin.site.urls),
    path("api/v1/", include((rest.urlpatterns, "rest"))),
    path("api/", include((mlflow.urlpatterns, "mlflow"))),
    path("ajax-api/", include((mlflow.urlpatterns, "mlflow"), namespace="mlflow-ajax")),
    path("", include(mlflow.beside)),
    path("", include((pages.urlpatterns, "pages"))),
    re_path(r"^(?:api|ajax-api)/", errors.plain_not_found),
]

if settings.GALLERY:
    from web.pages.gallery import gallery

    urlpatterns.append(path("gallery", gallery, name="gallery"))

handler400 = "web.pages.errors.bad_request"
handler403 = "web.pages.errors.forbidden"
handler404 = "web.pages.errors.not_found"
handler500 = "web.pages.errors.broken"
