"""Parameters: the objects that a binding gives to its policy, followed by an informer for each kind.

Go: CollectParams of pkg/admission/plugin/policy/generic/policy_dispatcher.go, policy_source.go.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.apimachinery.labels import SelectorError, from_label_selector
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apis.admissionregistration_policies_v1 import DENY, ParamKind, ParamRef
from genericapiserver.client.informer import Informer
from genericapiserver.client.rest_mapper import NoMatchError, RESTMapper, RESTMapping
from genericapiserver.client.transport import Transport
from genericapiserver.logs.served import nobodys

SYNC_TIMEOUT: Final = 1.0
"""Seconds that a request waits for the parameters of a new kind to be listed."""

Document: TypeAlias = dict[str, Any]


class ConfigurationProblem(Exception):  # noqa: N818  a finding about a policy or binding, which failurePolicy may ignore
    """A policy or a binding cannot be used as it is; the text says why."""


class UnknownKind(ConfigurationProblem):
    """The paramKind of a policy is served by nobody."""


@attrs.frozen
class _Followed:
    informer: Informer[Document]
    mapping: RESTMapping
    task: "asyncio.Task[None]"


class ParamStore:
    """Follows the kinds that policies take parameters of. A kind is followed from its first use on."""

    def __init__(self, transport: Transport, mapper: RESTMapper) -> None:
        self._transport = transport
        self._mapper = mapper
        self._followed: dict[GroupVersionKind, _Followed] = {}

    async def aclose(self) -> None:
        """Stop following."""
        self.keep(())

    def keep(self, kinds: Collection[GroupVersionKind]) -> None:
        """Stop following all kinds but *kinds*."""
        for kind in [kind for kind in self._followed if kind not in kinds]:
            self._followed.pop(kind).task.cancel()

    async def collect(self, kind: ParamKind | None, ref: ParamRef | None, namespace: str) -> list[Document | None]:
        """The parameters for a write in *namespace*: one None where policy or binding want none.

        Raises ConfigurationProblem; UnknownKind when it is the policy's.
        """
        if kind is None:
            return [None]
        followed = await self._follow(kind)
        if ref is None:
            return [None]
        if not followed.mapping.namespaced:
            if ref.namespace:
                raise ConfigurationProblem("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
            namespace = ""
        else:
            namespace = ref.namespace or namespace
            if not namespace:
                raise ConfigurationProblem(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
        await self._synced(kind, followed)
        found: list[Document | None] = [*_selected(followed.informer, ref, namespace)]
        if not found and ref.parameter_not_found_action == DENY:
            raise ConfigurationProblem("no params found for policy binding with `Deny` parameterNotFoundAction")
        return found

    async def _follow(self, kind: ParamKind) -> _Followed:
        gvk = group_version_kind(kind)
        found = self._followed.get(gvk)
        if found is not None:
            return found
        try:
            mapping = await self._mapper.mapping_for(gvk)
        except (NoMatchError, ConnectionError, ValueError):
            raise UnknownKind(f"failed to find resource referenced by paramKind: '{gvk}'") from None
        if gvk not in self._followed:  # somebody else may have been quicker
            identity = {"apiVersion": kind.api_version, "kind": kind.kind}

            def decode(document: Document) -> Document:
                return {**identity, **document}  # items of lists do not say what they are

            informer = Informer(self._transport, mapping.path(), decode)
            task = asyncio.create_task(informer.run(), name=f"informer of parameters {gvk}", context=nobodys())
            self._followed[gvk] = _Followed(informer, mapping, task)
        return self._followed[gvk]

    async def _synced(self, kind: ParamKind, followed: _Followed) -> None:
        try:
            async with asyncio.timeout(SYNC_TIMEOUT):
                await followed.informer.synced.wait()
        except TimeoutError:
            raise ConfigurationProblem(
                f"paramKind kind `{kind.api_version}, Kind={kind.kind}` not yet synced to use for admission"
            ) from None


def group_version_kind(kind: ParamKind) -> GroupVersionKind:
    """Raises UnknownKind for an apiVersion that is none."""
    try:
        return GroupVersion.parse(kind.api_version).with_kind(kind.kind)
    except ValueError as error:
        raise UnknownKind(f"failed to parse paramKind APIVersion: {error}") from None


def _selected(informer: Informer[Document], ref: ParamRef, namespace: str) -> list[Document]:
    if ref.name:
        if ref.selector is not None:
            raise ConfigurationProblem("paramRef.name and paramRef.selector are mutually exclusive")
        found = informer.get(ref.name, namespace=namespace)
        return [] if found is None else [found]
    if ref.selector is None:
        raise ConfigurationProblem("one of name or selector must be provided")
    try:
        selector = from_label_selector(ref.selector)
    except SelectorError as error:
        raise ConfigurationProblem(str(error)) from None
    matching = [
        document
        for document in informer
        if _metadata(document).get("namespace", "") == namespace
        and selector.matches(_metadata(document).get("labels") or {})
    ]
    return sorted(matching, key=lambda document: str(_metadata(document)["name"]))


def _metadata(document: Document) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = document["metadata"]
    return metadata
