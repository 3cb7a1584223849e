import pytest

from genericapiserver.request import RequestInfoFactory
from genericapiserver.request.reporting import dry_run_label, field_validation_label, reported_verb, request_scope

FACTORY = RequestInfoFactory()


@pytest.mark.parametrize(
    ("method", "path", "query", "route_verb", "content_type", "verb"),
    [
        ("GET", "/api/v1/pods", "", "", "", "LIST"),
        ("HEAD", "/api/v1/pods", "", "", "", "LIST"),
        ("GET", "/api/v1/pods", "watch=true", "", "", "WATCH"),
        ("GET", "/api/v1/pods", "watch", "", "", "WATCH"),
        ("GET", "/api/v1/pods", "watch=no", "", "", "WATCH"),
        ("GET", "/api/v1/pods", "watch=false", "", "", "LIST"),
        ("GET", "/api/v1/pods", "watch=0", "", "", "LIST"),
        ("LIST", "/api/v1/pods", "", "WATCH", "", "WATCH"),
        ("LIST", "/api/v1/pods", "", "WATCHLIST", "", "WATCH"),
        ("WATCHLIST", "/api/v1/pods", "", "", "", "WATCH"),
        ("GET", "/api/v1/pods/a", "", "", "", "GET"),
        ("GET", "/api/v1/pods/a", "watch=true", "", "", "WATCH"),
        ("GET", "/healthz", "", "", "", "GET"),
        ("HEAD", "/healthz", "", "", "", "GET"),
        ("POST", "/api/v1/pods", "", "", "", "POST"),
        ("DELETE", "/api/v1/pods", "", "", "", "DELETE"),
        ("PATCH", "/api/v1/pods/a", "", "", "application/apply-patch+yaml", "APPLY"),
        ("PATCH", "/api/v1/pods/a", "", "", "application/apply-patch+yaml; x=y", "PATCH"),
        ("PATCH", "/api/v1/pods/a", "", "", "", "PATCH"),
        ("GET", "/api/v1/pods/a/log", "", "", "", "CONNECT"),
        ("POST", "/api/v1/pods/a/exec", "", "", "", "CONNECT"),
        ("POST", "/api/v1/pods/a/portforward", "", "", "", "CONNECT"),
        ("PUT", "/apis/apps/v1/deployments/a/scale", "", "", "", "PUT"),
        ("OPTIONS", "/api/v1/pods", "", "", "", "other"),
        ("", "/api/v1/pods", "", "", "", "other"),
        ("notValid", "/api/v1/pods", "", "", "", "other"),
    ],
)
def test_verbs(method: str, path: str, query: str, route_verb: str, content_type: str, verb: str) -> None:
    info = FACTORY.resolve(method, path, query.encode())
    assert reported_verb(method, info, query.encode(), route_verb=route_verb, content_type=content_type) == verb


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/namespaces/ns/pods/a", "resource"),
        ("POST", "/api/v1/namespaces/ns/pods", "resource"),
        ("GET", "/api/v1/namespaces/ns/pods", "namespace"),
        ("GET", "/api/v1/pods", "cluster"),
        ("GET", "/healthz", ""),
    ],
)
def test_scopes(method: str, path: str, scope: str) -> None:
    assert request_scope(FACTORY.resolve(method, path)) == scope


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("", ""),
        ("dryRun=All", "All"),
        ("dryRun=All&dryRun=All", "All"),
        ("dryRun=foo", "invalid"),
        ("dryRun=", "invalid"),
    ],
)
def test_dry_run(query: str, label: str) -> None:
    assert dry_run_label(query.encode()) == label


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("", ""),
        ("fieldValidation=", ""),
        ("fieldValidation=Strict", "Strict"),
        ("x=y&fieldValidation=Warn", "Warn"),
        ("fieldValidation=Ignore", "Ignore"),
        ("fieldValidation=strict", "invalid"),
        ("fieldValidation=Warn&fieldValidation=Warn", "invalid"),
        ("x=fieldValidation", "invalid"),
    ],
)
def test_the_label_of_field_validation(query: str, label: str) -> None:
    assert field_validation_label(query.encode()) == label
