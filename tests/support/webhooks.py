"""Webhook plugins with the configurations of a test, and writes to send through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from genericapiserver.admission import Attributes, Operation
from genericapiserver.admission.attributes import Annotation
from genericapiserver.admission.webhook import MutatingWebhooks, ValidatingWebhooks, WebhookClients
from genericapiserver.admission.webhook.plugin import WebhookPlugin
from genericapiserver.admission.webhook.source import WebhookSource
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import NotFoundError, StatusError
from genericapiserver.apimachinery.meta import CreateOptions, DeleteOptions, ObjectMeta, UpdateOptions
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apis.core_v1 import Namespace, NamespaceStatus
from genericapiserver.authentication.user import UserInfo
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, RequestInfo
from genericapiserver.request.warnings import WarningRecorder
from tests.admission.support import Recorder
from tests.support.demo_api import V1, Gadget, GadgetSpec, new_scheme

SCHEME = new_scheme()
ALICE = UserInfo(name="alice", uid="a-1", groups=["developers"], extra={"scopes": ["all"]})
_OPTIONS = {Operation.CREATE: CreateOptions, Operation.UPDATE: UpdateOptions, Operation.DELETE: DeleteOptions}


class Known:
    """An informer that holds what it was given; `replace` is news from the server."""

    def __init__(self, *objects: Any) -> None:
        self.synced = Signal("known")
        self.synced.set()
        self._objects = objects
        self._listeners: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._objects)

    def add_listener(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def replace(self, *objects: Any) -> None:
        self._objects = objects
        for listener in self._listeners:
            listener()


class KnownNamespaces:
    """Namespaces by name: those the cache has, and those that only the server has."""

    def __init__(self, *cached: Namespace, live: Mapping[str, Namespace | StatusError] | None = None) -> None:
        self.synced = Signal("namespaces")
        self.synced.set()
        self.live_lookups: list[str] = []
        self._cached = {namespace.metadata.name: namespace for namespace in cached}
        self._live = dict(live or {})

    def cached(self, name: str) -> Namespace | None:
        return self._cached.get(name)

    async def appearing(self, name: str, timeout: float) -> Namespace | None:
        return self.cached(name)

    async def live(self, name: str) -> Namespace:
        self.live_lookups.append(name)
        found = self._live.get(name) or NotFoundError(GroupResource("", "namespaces"), name)
        if isinstance(found, StatusError):
            raise found
        return found

    async def labels(self, name: str) -> Mapping[str, str]:
        return (self.cached(name) or await self.live(name)).metadata.labels


def namespace(name: str, phase: str = "Active", **labels: str) -> Namespace:
    return Namespace(metadata=ObjectMeta(name=name, labels=labels), status=NamespaceStatus(phase=phase))


def hook(name: str, client_config: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """One webhook in JSON, about every write of gadgets unless *fields* say otherwise."""
    rule = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
    return {
        "name": name,
        "clientConfig": dict(client_config),
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }


def configure(plugin: WebhookPlugin, *configurations: tuple[str, list[dict[str, Any]]], **use: Any) -> Known:
    """Give *plugin* configurations by name; the informer it follows."""
    objects = [plugin._decode({"metadata": {"name": name}, "webhooks": hooks}) for name, hooks in configurations]
    known = Known(*objects)
    namespaces = use.pop("namespaces", None) or KnownNamespaces(namespace("ns"))
    plugin.use(source=WebhookSource(known, plugin._compile_conditions), namespaces=namespaces)
    return known


def validating(*hooks: dict[str, Any], clients: WebhookClients | None = None, **use: Any) -> ValidatingWebhooks:
    """The validating plugin with one configuration, `c`; its metrics are in `registry`."""
    plugin = ValidatingWebhooks(clients)
    plugin.set_metrics(use.pop("registry", MetricsRegistry()))
    configure(plugin, ("c", list(hooks)), **use)
    return plugin


def mutating(*hooks: dict[str, Any], clients: WebhookClients | None = None, **use: Any) -> MutatingWebhooks:
    """The mutating plugin with one configuration, `c`."""
    plugin = MutatingWebhooks(clients)
    plugin.set_metrics(use.pop("registry", MetricsRegistry()))
    configure(plugin, ("c", list(hooks)), **use)
    return plugin


def new_gadget(name: str = "a", color: str = "green", **labels: str) -> Gadget:
    return Gadget(metadata=ObjectMeta(name=name, namespace="ns", labels=labels), spec=GadgetSpec(color=color, size=1))


def write(operation: Operation = Operation.CREATE, **more: Any) -> Attributes:
    """A write of a gadget."""
    context = RequestContext(
        request_info=RequestInfo(is_resource_request=True, namespace="ns"),
        audit=Recorder(),
        warnings=WarningRecorder(),
        deadline=more.pop("deadline", None),
    )
    dry_run = more.pop("dry_run", False)
    options = _OPTIONS[operation]() if operation in _OPTIONS else None
    if dry_run and options is not None:
        options.dry_run = ["All"]
    arguments: dict[str, Any] = {
        "context": context,
        "operation": operation,
        "kind": V1.with_kind("Gadget"),
        "resource": V1.with_resource("gadgets"),
        "namespace": "ns",
        "name": "a",
        "options": options,
        "dry_run": dry_run,
        "object": None if operation is Operation.DELETE else new_gadget(),
        "old_object": new_gadget(color="blue") if operation in (Operation.UPDATE, Operation.DELETE) else None,
        "user": ALICE,
        "scheme": SCHEME,
        "equivalents": EquivalentResources(),
        **more,
    }
    return Attributes(**arguments)


def audit_annotations(attributes: Attributes) -> dict[str, str]:
    """What the audit log is told, of every level."""
    found: Mapping[str, Annotation] = attributes.annotations
    return {key: annotation.value for key, annotation in found.items()}


def samples(registry: MetricsRegistry, name: str) -> dict[tuple[str, ...], float]:
    """The series of a counter that are not zero, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collectors.collect()
        for sample in family.samples
        if sample.name in (name, f"{name}_total") and sample.value
    }


async def refused(plugin: Any) -> str:
    """Why the plugin refuses a write."""
    with pytest.raises(StatusError) as raised:
        await plugin.validate(write())
    await plugin.aclose()
    assert raised.value.code == 500
    return raised.value.message


async def passes(plugin: Any) -> None:
    await plugin.validate(write())
    await plugin.aclose()
