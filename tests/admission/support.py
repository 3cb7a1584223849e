"""Attributes of a write, and plugins that note what they are asked."""

from typing import Any

from genericapiserver.admission import Attributes, Operation
from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.apimachinery.types import api_type
from genericapiserver.request import AuditLevel, RequestContext, RequestInfo


@api_type
class Gadget(Object):
    """Gadget is a thing to test with."""


class Recorder:
    """An audit recorder at level Metadata that keeps annotations."""

    level = AuditLevel.METADATA

    def __init__(self) -> None:
        self.annotations: list[tuple[str, str]] = []

    def add_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        if level <= self.level:
            self.annotations.append((key, value))

    def record_impersonated_user(self, user: Any) -> None: ...

    def record_impersonation_constraint(self, constraint: str) -> None: ...

    def record_request_object(self, body: object) -> None: ...

    def record_request_patch(self, patch: bytes) -> None: ...

    def record_response_status(self, status: object) -> None: ...

    def record_response_object(self, body: object) -> None: ...


def new_attributes(operation: Operation = Operation.CREATE, **more: Any) -> Attributes:
    context = RequestContext(request_info=RequestInfo(is_resource_request=True, namespace="ns"), audit=Recorder())
    arguments: dict[str, Any] = {
        "context": context,
        "operation": operation,
        "kind": GroupVersionKind("things.example.com", "v1", "Gadget"),
        "resource": GroupVersionResource("things.example.com", "v1", "gadgets"),
        "namespace": "ns",
        "name": "a",
        **more,
    }
    return Attributes(**arguments)


def new_gadget(name: str = "a", **metadata: Any) -> Gadget:
    return Gadget(metadata=ObjectMeta(name=name, **metadata))


class Noting:
    """Both kinds of plugin; writes its name and what it was asked into *calls*."""

    def __init__(self, name: str, calls: list[str], *operations: Operation, fails: Exception | None = None) -> None:
        self.name = name
        self.calls = calls
        self.operations = operations or tuple(Operation)
        self.fails = fails

    def handles(self, operation: Operation) -> bool:
        return operation in self.operations

    async def admit(self, attributes: Attributes) -> None:
        await self._note("admit")

    async def validate(self, attributes: Attributes) -> None:
        await self._note("validate")

    async def _note(self, step: str) -> None:
        self.calls.append(f"{self.name} {step}")
        if self.fails is not None:
            raise self.fails


class Mutating:
    """A plugin that only mutates."""

    def handles(self, operation: Operation) -> bool:
        return True

    async def admit(self, attributes: Attributes) -> None:
        attributes.object.metadata.labels["mutated"] = "yes"


class Validating:
    """A plugin that only validates."""

    def handles(self, operation: Operation) -> bool:
        return True

    async def validate(self, attributes: Attributes) -> None:
        return None
