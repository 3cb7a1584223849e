"""APIServices: what is refused and in which words, who may change what, the order, the table."""

import datetime as dt
from typing import Any

import pytest

from genericapiserver.aggregator.ordering import sorted_by_group_and_version
from genericapiserver.aggregator.registry import (
    COLUMNS,
    APIServiceStatusStrategy,
    APIServiceStrategy,
    available_cell,
    service_cell,
)
from genericapiserver.aggregator.validation import validate_api_service, validate_api_service_status
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis import apiregistration_v1
from genericapiserver.apis.apiregistration_v1 import (
    AVAILABLE,
    FALSE,
    TRUE,
    APIService,
    APIServiceCondition,
    APIServiceSpec,
    APIServiceStatus,
    ServiceReference,
    find_condition,
    is_condition_true,
    set_condition,
    set_defaults,
)
from genericapiserver.request import RequestContext, RequestInfo
from tests.aggregator.support import api_service

CONTEXT = RequestContext(request_info=RequestInfo())
REMOTE = ServiceReference(namespace="foo", name="bar", port=443)


def spec(**more: Any) -> APIServiceSpec:
    fields: dict[str, Any] = {"group": "foo", "version": "v1", "group_priority_minimum": 1, "version_priority": 1}
    return APIServiceSpec(**{**fields, **more})


VALIDATION = [
    ("good", "v1.foo", spec(), ""),
    ("good and remote", "v1.foo", spec(service=REMOTE, ca_bundle=b"x"), ""),
    ("legacy kube", "v1.", spec(group=""), ""),
    (
        "a name that is none",
        "foo",
        spec(),
        'metadata.name: Invalid value: "foo": must be `spec.version+"."+spec.group`: "v1.foo"',
    ),
    (
        "no group but not v1",
        "v2.",
        spec(group="", version="v2"),
        "spec.group: Required value: only v1 may have an empty group and it better be legacy kube",
    ),
    ("a group that is none", "v1.Foo", spec(group="Foo"), 'spec.group: Invalid value: "Foo": a lowercase RFC 1123 sub'),
    ("a version that is none", "1.foo", spec(version="1"), 'spec.version: Invalid value: "1": a DNS-1035 label must'),
    (
        "no group priority",
        "v1.foo",
        spec(group_priority_minimum=0),
        "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
    ),
    (
        "too much group priority",
        "v1.foo",
        spec(group_priority_minimum=20001),
        "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
    ),
    (
        "no version priority",
        "v1.foo",
        spec(version_priority=0),
        "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
    ),
    (
        "too much version priority",
        "v1.foo",
        spec(version_priority=1001),
        "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000",
    ),
    (
        "no namespace",
        "v1.foo",
        spec(service=ServiceReference(name="bar")),
        "spec.service.namespace: Required value",
    ),
    ("no name", "v1.foo", spec(service=ServiceReference(namespace="foo")), "spec.service.name: Required value"),
    (
        "a port that is none",
        "v1.foo",
        spec(service=ServiceReference(namespace="foo", name="bar", port=65536)),
        "spec.service.port: Invalid value: 65536: port is not valid: must be between 1 and 65535, inclusive",
    ),
    (
        "local with a bundle",
        "v1.foo",
        spec(ca_bundle=b"abc"),
        'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
    ),
    (
        "local and insecure",
        "v1.foo",
        spec(insecure_skip_tls_verify=True),
        "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
    ),
    (
        "insecure with a bundle",
        "v1.foo",
        spec(service=REMOTE, ca_bundle=b"abc", insecure_skip_tls_verify=True),
        "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
    ),
]


@pytest.mark.parametrize(
    ("name", "spec", "problem"), [row[1:] for row in VALIDATION], ids=[row[0] for row in VALIDATION]
)
def test_validation(name: str, spec: APIServiceSpec, problem: str) -> None:
    found = [str(error) for error in validate_api_service(APIService(metadata=ObjectMeta(name=name), spec=spec))]
    assert len(found) == bool(problem), found
    assert not problem or found[0].startswith(problem)


def test_a_condition_has_one_of_three_statuses() -> None:
    status = APIServiceStatus(conditions=[APIServiceCondition(type=AVAILABLE, status="Maybe")])
    (error,) = validate_api_service_status(status)
    assert str(error) == (
        'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"'
    )


# ---- the strategy


def strategy() -> APIServiceStrategy:
    scheme = Scheme("test")
    apiregistration_v1.add_to_scheme(scheme)
    return APIServiceStrategy(scheme, now=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_create_clears_the_status_and_what_is_local_is_available_at_once() -> None:
    remote, local = api_service(), api_service(local=True, available=False)
    for service in (remote, local):
        strategy().prepare_for_create(CONTEXT, service)
    assert remote.status.conditions == []
    assert local.status.conditions == [
        APIServiceCondition(
            type=AVAILABLE,
            status=TRUE,
            last_transition_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            reason="Local",
            message="Local APIServices are always available",
        )
    ]


def test_a_main_update_keeps_the_status() -> None:
    old, new = api_service(), api_service(available=False)
    strategy().prepare_for_update(CONTEXT, new, old)
    assert new.status == old.status
    assert not strategy().allow_create_on_update
    assert not strategy().allow_unconditional_update


def test_a_status_update_keeps_everything_else() -> None:
    main = strategy()
    old, new = api_service(), api_service(available=False, group_priority=7)
    new.metadata.labels, new.metadata.annotations, new.metadata.finalizers = {"a": "b"}, {"c": "d"}, ["e/f"]
    APIServiceStatusStrategy(main, main.scheme).prepare_for_update(CONTEXT, new, old)
    assert new.spec == old.spec
    assert (new.metadata.labels, new.metadata.annotations, new.metadata.finalizers) == (
        old.metadata.labels,
        old.metadata.annotations,
        old.metadata.finalizers,
    )
    assert not is_condition_true(new, AVAILABLE)


def test_the_port_defaults_to_443() -> None:
    service = api_service(port=None)
    set_defaults(service)
    assert service.spec.service is not None
    assert service.spec.service.port == 443


# ---- conditions (helpers)


def test_the_time_of_a_condition_moves_only_with_its_status() -> None:
    service = api_service(local=True)
    first, second = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

    def condition(status: str, when: dt.datetime, reason: str) -> APIServiceCondition:
        return APIServiceCondition(type=AVAILABLE, status=status, last_transition_time=when, reason=reason)

    service.status.conditions = [condition(TRUE, first, "One")]
    before = deep_copy(service)
    set_condition(service, condition(TRUE, second, "Two"))
    assert find_condition(service, AVAILABLE) == condition(TRUE, first, "Two")
    assert is_condition_true(service, AVAILABLE)
    assert find_condition(before, AVAILABLE) == condition(TRUE, first, "One")
    set_condition(service, condition(FALSE, second, "Three"))
    assert find_condition(service, AVAILABLE) == condition(FALSE, second, "Three")
    assert find_condition(service, "Other") is None
    set_condition(service, APIServiceCondition(type="Other", status=TRUE))
    assert len(service.status.conditions) == 2


# ---- the order


def test_versions_come_in_the_order_of_the_reference() -> None:
    versions = ["v1", "v10", "foo10", "v2", "v11beta2", "v3beta1", "v12alpha1", "foo1", "v11alpha2", "v10beta3"]
    versions.remove("v1")
    (group,) = sorted_by_group_and_version(api_service(f"{version}.foo") for version in versions)
    assert [service.spec.version for service in group] == [
        "v10", "v2", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10",
    ]  # fmt: skip


def test_priorities_come_before_names() -> None:
    services = [
        api_service("v1.low", group_priority=1),
        api_service("v1.b", group_priority=10),
        api_service("v2.b", group_priority=20, version_priority=1),
        api_service("v1.a", group_priority=20),
        api_service("v1.c", group_priority=20),
    ]
    groups = sorted_by_group_and_version(services)
    # v1.a, v1.c and v2.b are equals: the name decides, as it does among the highest of each group.
    assert [[service.metadata.name for service in group] for group in groups] == [
        ["v1.a"],
        ["v1.c"],
        ["v1.b", "v2.b"],
        ["v1.low"],
    ]


# ---- the table


def test_the_table_shows_where_and_whether() -> None:
    assert [column.name for column in COLUMNS] == ["Name", "Service", "Available", "Age"]
    assert service_cell(api_service()) == "test-ns/test-service"
    assert service_cell(api_service(local=True)) == "Local"
    assert available_cell(api_service()) == "True"
    assert available_cell(api_service(available=False)) == "False (Test)"
    unknown = api_service()
    unknown.status.conditions = []
    assert available_cell(unknown) == "Unknown"
