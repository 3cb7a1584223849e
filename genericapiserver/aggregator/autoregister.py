"""APIServices that nobody writes: those of the groups of this process, and whatever else a program wants there.

The label says how an object is kept: `true` always as it is wanted, `onstart` only until the first success after each start,
so that an administrator may change it from then on. An object without the label is nobody's business here.
Source: pkg/controllers/autoregister/autoregister_controller.go of k8s.io/kube-aggregator.
"""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Final, Protocol

from genericapiserver.aggregator.client import WriteError
from genericapiserver.aggregator.controller import Controller
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.apiregistration_v1 import APIService, APIServiceSpec, api_service_name
from genericapiserver.client.informer import Informer

LABEL: Final = "kube-aggregator.kubernetes.io/automanaged"
ALWAYS, ON_START = "true", "onstart"

HOOK: Final = "kube-apiserver-autoregistration"

_NOT_FOUND, _CONFLICT = 404, 409

GROUP_PRIORITIES: Final[Mapping[str, int]] = {
    "": 18000,
    "apps": 17800,
    "events.k8s.io": 17750,
    "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600,
    "autoscaling": 17500,
    "batch": 17400,
    "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200,
    "policy": 17100,
    "rbac.authorization.k8s.io": 17000,
    "storage.k8s.io": 16800,
    "apiextensions.k8s.io": 16700,
    "admissionregistration.k8s.io": 16700,
    "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500,
    "node.k8s.io": 16300,
    "discovery.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100,
}
"""What kube-apiserver gives its own groups."""
OTHER_GROUP_PRIORITY, OTHER_VERSION_PRIORITY = 1000, 100
"""What it gives to custom resources, and what groups get here that Kubernetes does not know."""
_OWN_VERSION_PRIORITY: Final = 15


class APIServiceWriter(Protocol):
    """APIServiceClient, or a test's own."""

    async def create(self, service: APIService) -> None: ...

    async def update(self, service: APIService) -> None: ...

    async def delete(self, name: str, *, uid: str) -> None: ...


class AutoRegistration:
    """Keeps APIServices that were asked for. May be asked at any time, also before it runs."""

    def __init__(self, services: Informer[APIService], client: APIServiceWriter) -> None:
        self._services = services
        self._client = client
        self._wanted: dict[str, APIService] = {}
        self._at_start: frozenset[str] = frozenset()
        self._synced: set[str] = set()
        """The names that were brought to where they should be once since the start."""
        self.started = Signal("autoregister started")
        self.controller = Controller("autoregister", self.reconcile, workers=5)
        services.add_change_handler(self._changed)

    def add_api_service_to_sync(self, service: APIService) -> None:
        """Keep *service* as it is, whatever others do to it."""
        self._add(service, ALWAYS)

    def add_api_service_to_sync_on_start(self, service: APIService) -> None:
        """Make or update *service* once; others may change it from then on."""
        self._add(service, ON_START)

    def remove_api_service_to_sync(self, name: str) -> None:
        """Want *name* no more, and delete it if it is kept by this."""
        if self._wanted.pop(name, None) is not None:
            self.controller.add(name)

    async def run(self) -> None:
        """Follow until cancelled, once it is known what is there."""
        await self._services.synced.wait()
        self._at_start = frozenset(service.metadata.name for service in self._services)
        for name in {*self._at_start, *self._wanted}:
            self.controller.add(name)
        self.started.set()
        await self.controller.run()

    async def reconcile(self, name: str) -> None:
        """Do for *name* what the table of the reference says. Raises WriteError for what is to be tried again."""
        first = name not in self._synced
        await self._sync(name, first)
        self._synced.add(name)

    async def _sync(self, name: str, first: bool) -> None:
        wanted, there = self._wanted.get(name), self._services.get(name)
        if there is None and wanted is None:
            return
        if wanted is not None and _managed(wanted) == ON_START and not first:
            return
        if there is None:
            assert wanted is not None
            await _ignoring(self._client.create(wanted), _CONFLICT)
            return
        kept = _managed(there)
        if not kept or (kept == ON_START and (name not in self._at_start or not first)):
            return
        if wanted is None:
            await _ignoring(self._client.delete(name, uid=there.metadata.uid), _NOT_FOUND, _CONFLICT)
        elif there.spec != wanted.spec:
            changed = deep_copy(there)
            changed.spec = wanted.spec
            await _ignoring(self._client.update(changed), _NOT_FOUND, _CONFLICT)

    def _add(self, service: APIService, how: str) -> None:
        wanted = deep_copy(service)
        wanted.metadata.labels = {**(wanted.metadata.labels or {}), LABEL: how}
        self._wanted[wanted.metadata.name] = wanted
        self.controller.add(wanted.metadata.name)

    def _changed(self, before: APIService | None, now: APIService | None) -> None:
        either = now or before
        assert either is not None
        if self.started.is_set():
            self.controller.add(either.metadata.name)


def local_api_services(listed_paths: Iterable[str]) -> list[APIService]:
    """An APIService for every group and version that servers of this process list among their paths."""
    versions: list[GroupVersion] = []
    for path in listed_paths:
        parts = path.strip("/").split("/")
        if parts == ["api", "v1"]:
            versions.append(GroupVersion("", "v1"))
        elif len(parts) == 3 and parts[0] == "apis":
            versions.append(GroupVersion(parts[1], parts[2]))
    return [_local(version) for version in dict.fromkeys(versions)]


def _local(version: GroupVersion) -> APIService:
    own = GROUP_PRIORITIES.get(version.group)
    spec = APIServiceSpec(
        group=version.group,
        version=version.version,
        group_priority_minimum=OTHER_GROUP_PRIORITY if own is None else own,
        version_priority=OTHER_VERSION_PRIORITY if own is None else _OWN_VERSION_PRIORITY,
    )
    return APIService(metadata=ObjectMeta(name=api_service_name(version)), spec=spec)


def _managed(service: APIService) -> str:
    """ALWAYS, ON_START, or nothing for an object that is left alone."""
    how = (service.metadata.labels or {}).get(LABEL, "")
    return how if how in (ALWAYS, ON_START) else ""


async def _ignoring(write: Awaitable[None], *statuses: int) -> None:
    """Others were faster: the event of what they did is on its way."""
    try:
        await write
    except WriteError as error:
        if error.status not in statuses:
            raise
