import pytest

from genericapiserver.asgi import Handler
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.authorization.metrics import AuthorizationMetrics
from genericapiserver.filters.authorization import with_authorization
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import AuditLevel, RequestContext
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, ok, send_error


class Annotations(dict[str, str]):
    """An audit recorder that keeps annotations."""

    level = AuditLevel.METADATA

    def add_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        self.setdefault(key, value)

    def record_impersonated_user(self, user: UserInfo) -> None:
        self["impersonated"] = user.name

    def record_impersonation_constraint(self, constraint: str) -> None:
        self["constraint"] = constraint

    def record_request_object(self, body: object) -> None: ...

    def record_request_patch(self, patch: bytes) -> None: ...

    def record_response_status(self, status: object) -> None: ...

    def record_response_object(self, body: object) -> None: ...


def filtered(
    authorizer: FunctionAuthorizer,
    annotations: Annotations | None = None,
    registry: MetricsRegistry | None = None,
    observed: list[float] | None = None,
) -> Handler:
    def prepare(context: RequestContext) -> None:
        context.user = UserInfo(name="bob", groups=("g",))
        context.audit = annotations

    inner = with_authorization(
        ok,
        authorizer,
        send_error=send_error,
        metrics=None if registry is None else AuthorizationMetrics(registry),
        observe_latency=None if observed is None else observed.append,
    )
    return in_context(inner, prepare=prepare)


def says(decision: Decision, reason: str = "", error: Exception | None = None) -> FunctionAuthorizer:
    return FunctionAuthorizer(lambda attributes: AuthorizationResult(decision, reason, error))


@pytest.mark.parametrize(
    ("authorizer", "status", "label", "annotations"),
    [
        (says(Decision.ALLOW, "r"), 200, "allowed", {"decision": "allow", "reason": "r"}),
        (says(Decision.ALLOW, "", OSError("x")), 200, "allowed", {"decision": "allow", "reason": ""}),
        (says(Decision.DENY, "r"), 403, "denied", {"decision": "forbid", "reason": "r"}),
        (says(Decision.NO_OPINION, "r"), 403, "no-opinion", {"decision": "forbid", "reason": "r"}),
        (says(Decision.NO_OPINION, "r", OSError("x")), 500, "error", {"reason": "internal error"}),
        (says(Decision.DENY, "r", OSError("x")), 500, "error", {"reason": "internal error"}),
    ],
)
async def test_decisions(authorizer: FunctionAuthorizer, status: int, label: str, annotations: dict[str, str]) -> None:
    found, registry, observed = Annotations(), MetricsRegistry(), list[float]()
    response = await ASGIClient(filtered(authorizer, found, registry, observed)).get("/version")
    assert response.status == status
    assert found == {f"authorization.k8s.io/{key}": value for key, value in annotations.items()}
    value = registry.collectors.get_sample_value
    assert value("authorization_attempts_total", {"result": label}) == 1
    assert value("authorization_duration_seconds_count", {"result": label}) == 1
    assert len(observed) == (status == 200)


async def test_a_refusal_is_told_with_its_reason() -> None:
    response = await ASGIClient(filtered(says(Decision.NO_OPINION, "no binding"))).get(
        "/apis/apps/v1/deployments/web/scale"
    )
    assert response.text == (
        'Forbidden: deployments.apps "web" is forbidden: User "bob" cannot get resource "deployments/scale" in API group '
        '"apps" at the cluster scope: no binding'
    )
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("raised", [True, False])
async def test_an_error_is_a_plain_500_that_names_the_request(raised: bool) -> None:
    error = OSError('Post "https://10.0.0.1/x": connection refused <here>')

    def function(attributes: AuthorizationAttributes) -> AuthorizationResult:
        if raised:
            raise error
        return AuthorizationResult(Decision.NO_OPINION, error=error)

    response = await ASGIClient(filtered(FunctionAuthorizer(function))).get("/<script>?a=b&c=d")
    assert response.status == 500
    assert response.text == (
        'Internal Server Error: "/&lt;script&gt;?a=b&amp;c=d": Post "https://10.0.0.1/x": connection refused &lt;here&gt;\n'
    )


async def test_the_attributes_are_those_of_the_request() -> None:
    asked: list[AuthorizationAttributes] = []

    def function(attributes: AuthorizationAttributes) -> AuthorizationResult:
        asked.append(attributes)
        return AuthorizationResult(Decision.ALLOW)

    client = ASGIClient(filtered(FunctionAuthorizer(function)))
    target = "/apis/g/v1/namespaces/dev/pods?fieldSelector=metadata.name=n&labelSelector=a=b"
    await client.get(target)
    await client.request("POST", "/version")
    bob = UserInfo(name="bob", groups=("g",))
    assert asked == [
        AuthorizationAttributes(
            user=bob,
            verb="list",
            namespace="dev",
            api_group="g",
            api_version="v1",
            resource="pods",
            name="n",
            is_resource_request=True,
            path="/apis/g/v1/namespaces/dev/pods",
            field_selector="metadata.name=n",
            label_selector="a=b",
        ),
        AuthorizationAttributes(user=bob, verb="post", path="/version"),
    ]


def test_without_an_authorizer_there_is_no_filter() -> None:
    assert with_authorization(ok, None, send_error=send_error) is ok
