"""TestSync of the reference's autoregister controller: its table, row by row, and what follows from `once`."""

from __future__ import annotations

import pytest

from genericapiserver.aggregator.autoregister import ALWAYS, LABEL, ON_START, AutoRegistration, local_api_services
from genericapiserver.aggregator.client import WriteError
from genericapiserver.apis.apiregistration_v1 import APIService
from tests.aggregator.fakes import KnownServices, Writes
from tests.aggregator.support import api_service

NAME = "v1.foo"


def current(kind: str) -> APIService | None:
    """The object that is there: absent, unmanaged, or with one of the two labels."""
    if kind == "absent":
        return None
    service = api_service(NAME, local=True, group_priority=1)
    service.metadata.uid = "the-uid"
    if kind != "unmanaged":
        service.metadata.labels = {LABEL: kind}
    return service


ROWS = [
    # current, at start, desired, what happens the first time, and again afterwards
    ("absent", False, "none", [], []),
    ("absent", False, ON_START, ["create"], []),
    ("absent", False, ALWAYS, ["create"], ["create"]),
    ("unmanaged", True, "none", [], []),
    ("unmanaged", True, ON_START, [], []),
    ("unmanaged", True, ALWAYS, [], []),
    (ON_START, False, "none", [], []),
    (ON_START, False, ON_START, [], []),
    (ON_START, False, ALWAYS, [], []),
    (ON_START, True, "none", ["delete the-uid"], []),
    (ON_START, True, ON_START, ["update"], []),
    (ON_START, True, ALWAYS, ["update"], []),
    (ALWAYS, True, "none", ["delete the-uid"], ["delete the-uid"]),
    (ALWAYS, True, ON_START, ["update"], []),
    (ALWAYS, True, ALWAYS, ["update"], ["update"]),
]


@pytest.mark.parametrize(
    ("kind", "at_start", "desired", "first", "again"),
    ROWS,
    ids=[f"{row[0]}, {'present' if row[1] else 'not present'} at start, wanted {row[2]}" for row in ROWS],
)
async def test_sync(kind: str, at_start: bool, desired: str, first: list[str], again: list[str]) -> None:
    service = current(kind)
    services = KnownServices(*([] if service is None else [service]))
    writes = Writes(services)
    registration = AutoRegistration(services.informer, writes)
    registration._at_start = frozenset({NAME}) if at_start else frozenset()
    wanted = api_service(NAME, local=True, group_priority=2)
    if desired == ALWAYS:
        registration.add_api_service_to_sync(wanted)
    elif desired == ON_START:
        registration.add_api_service_to_sync_on_start(wanted)
    await registration.reconcile(NAME)
    assert [verb for verb, _ in writes.done] == first
    # Somebody puts it back as it was: only what is kept always is brought there again.
    writes.done.clear()
    services.put(NAME, service)
    await registration.reconcile(NAME)
    assert [verb for verb, _ in writes.done] == again


async def test_only_the_spec_is_compared_and_replaced() -> None:
    there = current(ALWAYS)
    assert there is not None
    there.metadata.annotations = {"kept": "yes"}
    services = KnownServices(there)
    writes = Writes(services)
    registration = AutoRegistration(services.informer, writes)
    wanted = api_service(NAME, local=True, group_priority=1)
    registration.add_api_service_to_sync(wanted)
    await registration.reconcile(NAME)
    assert writes.done == []
    wanted = api_service(NAME, local=True, group_priority=2)
    registration.add_api_service_to_sync(wanted)
    await registration.reconcile(NAME)
    written = services.get(NAME)
    assert written is not None
    assert (written.spec.group_priority_minimum, written.metadata.annotations) == (2, {"kept": "yes"})


@pytest.mark.parametrize("status", [404, 409])
@pytest.mark.parametrize("desired", [True, False], ids=["update", "delete"])
async def test_who_was_faster_is_no_failure(status: int, desired: bool) -> None:
    services = KnownServices(*filter(None, [current(ALWAYS)]))
    writes = Writes(services)
    writes.status = status
    registration = AutoRegistration(services.informer, writes)
    registration._at_start = frozenset({NAME})
    if desired:
        registration.add_api_service_to_sync(api_service(NAME, local=True, group_priority=2))
    await registration.reconcile(NAME)
    assert len(writes.done) == 1


async def test_once_means_until_the_first_success() -> None:
    services = KnownServices()
    writes = Writes(services)
    registration = AutoRegistration(services.informer, writes)
    registration.add_api_service_to_sync_on_start(api_service(NAME, local=True))
    writes.status = 500
    with pytest.raises(WriteError):
        await registration.reconcile(NAME)
    writes.status = 0
    await registration.reconcile(NAME)
    await registration.reconcile(NAME)
    assert writes.done == [("create", NAME), ("create", NAME)]


async def test_what_is_wanted_no_more_is_deleted() -> None:
    services = KnownServices()
    writes = Writes(services)
    registration = AutoRegistration(services.informer, writes)
    registration.add_api_service_to_sync(api_service(NAME, local=True))
    await registration.reconcile(NAME)
    registration.remove_api_service_to_sync(NAME)
    await registration.reconcile(NAME)
    assert [verb for verb, _ in writes.done] == ["create", "delete"]


def test_versions_that_are_listed_have_api_services() -> None:
    services = local_api_services(
        [
            "/",
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps/v1",
            "/apis/mine.example",
            "/apis/mine.example/v1beta1",
            "/healthz",
        ]
    )
    shown = [(each.metadata.name, each.spec.group_priority_minimum, each.spec.version_priority) for each in services]
    assert shown == [("v1.", 18000, 15), ("v1.apps", 17800, 15), ("v1beta1.mine.example", 1000, 100)]
    assert all(each.spec.service is None for each in services)
