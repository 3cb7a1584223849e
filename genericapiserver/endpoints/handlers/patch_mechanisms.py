"""The four kinds of patches, each as a way from the stored object to the new one (pkg/endpoints/handlers/patch.go).

A mechanism is made once per request, from the body, and applied at every attempt to the object that is stored by then:

    JSON patch, merge patch   on the JSON of the endpoint's version, whose result is decoded like a body
    strategic merge           on the fields of the endpoint's type
    apply                     by the field manager, which is the only one that makes objects

A document is read when there is something to patch: where nothing is stored, one that cannot be read is a 404, too. What
is wrong with the result of the first three is a 422 about a field called `patch`, with no kind and no name.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, Protocol

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.errors import BadRequestError, InvalidError, NotFoundError
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.meta import FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT
from genericapiserver.apimachinery.patch import JSONPatch, MergePatch, StrategicMergePatch, patch_schema_for
from genericapiserver.apimachinery.patch.restore import restore_problem, scalar_problem
from genericapiserver.apimachinery.schema import GroupKind
from genericapiserver.apimachinery.serializer.errors import DecodeError, strict_decoding_text
from genericapiserver.apimachinery.serializer.json import encode_with_literals, parse_literals
from genericapiserver.apimachinery.serializer.yaml import parse_yaml
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.handlers.body import add_strict_decoding_warnings
from genericapiserver.endpoints.request_scope import RequestScope

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

PATCH_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


class Parse(Protocol):
    """Reads a patch document. Raises BadRequestError."""

    def __call__(self, data: bytes, *, strict: bool) -> JSONPatch | MergePatch: ...


class PatchMechanism(Protocol):
    """One patch."""

    def patched(self, current: Any) -> Any:
        """The new object, of the hub version, made from the stored one; *current* is not changed.

        Raises BadRequestError for a bad patch document.
        """

    def created(self, name: str) -> Any:
        """The object to create where none is stored. Raises NotFoundError unless this kind of patch can create."""


class _Mechanism:
    """What the mechanisms share."""

    def __init__(self, request: APIRequest, scope: RequestScope, *, field_validation: str, manager: str) -> None:
        self._request = request
        self._scope = scope
        self._field_validation = field_validation
        self._strict = field_validation != FIELD_VALIDATION_IGNORE
        self._manager = manager

    def created(self, name: str) -> Any:
        raise NotFoundError(self._scope.resource.group_resource, name)

    def _track(self, current: Any, new: Any) -> Any:
        manager = self._scope.field_manager
        return new if manager is None else manager.update(current, new, self._manager)

    def _report(self, problems: Sequence[str], shown: str) -> None:
        """Refuse or warn of unknown and repeated fields."""
        if not problems:
            return
        if self._field_validation == FIELD_VALIDATION_STRICT:
            raise invalid_patch(shown, strict_decoding_text(problems))
        add_strict_decoding_warnings(self._request, problems)


class JSONMechanism(_Mechanism):
    """JSON patch and merge patch."""

    def __init__(self, request: APIRequest, scope: RequestScope, *, parse: Parse, body: bytes, **common: str) -> None:
        super().__init__(request, scope, **common)
        self._parse = parse
        self._body = body

    @cached_property
    def _patch(self) -> JSONPatch | MergePatch:
        return self._parse(self._body, strict=self._strict)

    def patched(self, current: Any) -> Any:
        scope = self._scope
        document = parse_literals(scope.codec.encode(current, scope.kind))
        if isinstance(self._patch, JSONPatch):
            result: Any = self._patch.apply(document, max_copy_bytes=scope.json_patch_max_copy_bytes)
        else:
            result = self._patch.apply(document)
        data = encode_with_literals(result)
        try:
            decoded = scope.codec.decode(data, default_gvk=scope.kind, strict=self._strict, into=scope.object_type)
        except DecodeError as error:
            raise invalid_patch(data.decode(), str(error)) from error
        self._report([*self._patch.findings, *decoded.strict_errors], data.decode())
        return self._track(current, decoded.object)


class StrategicMergeMechanism(_Mechanism):
    """Strategic merge patch, for types that are declared: it follows their patch strategies."""

    def __init__(self, request: APIRequest, scope: RequestScope, *, body: bytes, **common: str) -> None:
        super().__init__(request, scope, **common)
        self._body = body
        self._type = scope.scheme.type_for(scope.kind)
        self._schema = patch_schema_for(self._type)

    @cached_property
    def _patch(self) -> StrategicMergePatch:
        return StrategicMergePatch.parse(self._body, strict=self._strict)

    def patched(self, current: Any) -> Any:
        scope = self._scope
        result = self._patch.apply(scope.codec.to_unstructured(current, scope.kind), self._schema)
        shown = str(self._patch)
        # Whatever the patch says they are, the result is of the endpoint's kind.
        for name in ("kind", "apiVersion"):
            value = result.pop(name, None)
            if value is not None and (problem := scalar_problem(value)):
                raise invalid_patch(shown, problem)
        try:
            obj, problems = scope.codec.from_unstructured(result, self._type, strict=self._strict)
        except DecodeError as error:
            raise invalid_patch(shown, restore_problem(self._type, result) or str(error)) from error
        self._report([*self._patch.findings, *problems], shown)
        scope.scheme.default(obj)
        return self._track(current, scope.scheme.convert(obj, scope.object_type))


class ApplyMechanism(_Mechanism):
    """Server-side apply."""

    def __init__(self, body: bytes, request: APIRequest, scope: RequestScope, *, force: bool, **common: str) -> None:
        super().__init__(request, scope, **common)
        self._body = body
        self._force = force

    def patched(self, current: Any) -> Any:
        return self._apply(current)

    def created(self, name: str) -> Any:
        return self._apply(None)

    def _apply(self, live: Any | None) -> Any:
        manager = self._scope.field_manager
        if manager is None:
            raise BadRequestError("this resource does not keep track of field managers, so that nothing can be applied")
        applied = manager.apply(live, self._body, self._manager, force=self._force)
        if self._strict:
            self._report_duplicates()
        return applied

    def _report_duplicates(self) -> None:
        text = parse_yaml(self._body).duplicate_text
        if not text:
            return
        text = f"error converting YAML to JSON: {text}"
        if self._field_validation == FIELD_VALIDATION_STRICT:
            raise BadRequestError(f"error strict decoding YAML: {text}")
        add_strict_decoding_warnings(self._request, [text])


def make_mechanism(
    patch_type: str,
    body: bytes,
    request: APIRequest,
    scope: RequestScope,
    *,
    field_validation: str,
    manager: str,
    force: bool,
) -> PatchMechanism:
    """The mechanism for a body of *patch_type*, one of PATCH_TYPES."""
    common = {"field_validation": field_validation, "manager": manager}
    if patch_type == JSON_PATCH:
        return JSONMechanism(request, scope, parse=JSONPatch.parse, body=body, **common)
    if patch_type == MERGE_PATCH:
        return JSONMechanism(request, scope, parse=MergePatch.parse, body=body, **common)
    if patch_type == STRATEGIC_MERGE_PATCH:
        return StrategicMergeMechanism(request, scope, body=body, **common)
    return ApplyMechanism(body, request, scope, force=force, **common)


def invalid_patch(shown: str, problem: str) -> InvalidError:
    """The 422 for a patch whose result is no object; *shown* is the patched JSON, or the patch itself."""
    return InvalidError(GroupKind("", ""), "", [field.invalid(Path("patch"), shown, problem)])
