"""Policy plugins with the policies of a test."""

from __future__ import annotations

import asyncio
from typing import Any

from genericapiserver.admission.policy import MutatingPolicies, ValidatingPolicies
from genericapiserver.admission.policy.mutating import GATE
from genericapiserver.admission.policy.params import ParamStore, UnknownKind, _Followed
from genericapiserver.admission.policy.plugin import PolicyPlugin, _decoder
from genericapiserver.admission.policy.source import PolicySource
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apis.admissionregistration_policies_v1 import (
    ParamKind,
    set_binding_defaults,
    set_policy_defaults,
)
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Authorizer, Decision
from genericapiserver.client.informer import Informer
from genericapiserver.client.rest_mapper import RESTMapping
from genericapiserver.features import default_feature_gate
from genericapiserver.metrics import MetricsRegistry
from tests.support.webhooks import Known, KnownNamespaces, namespace

RULE = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
MATCH = {"resourceRules": [RULE]}
PARAM_KIND = {"apiVersion": "rules.example.com/v1", "kind": "Limit"}


class Params(ParamStore):
    """Parameters of the kind Limit; every other kind is unknown."""

    def __init__(self, *documents: dict[str, Any], namespaced: bool = True, synced: bool = True) -> None:
        informer: Informer[dict[str, Any]] = Informer(None, "", dict)  # type: ignore[arg-type]
        for document in documents:
            metadata = document["metadata"]
            informer._objects[metadata.get("namespace", ""), metadata["name"]] = {**PARAM_KIND, **document}
        if synced:
            informer.synced.set()
        mapping = RESTMapping(GroupVersionResource("rules.example.com", "v1", "limits"), namespaced)
        self._known = _Followed(informer, mapping, asyncio.get_running_loop().create_task(asyncio.sleep(0)))

    def keep(self, kinds: Any) -> None:
        """There is nothing to stop."""

    async def _follow(self, kind: ParamKind) -> _Followed:
        if kind.kind != PARAM_KIND["kind"]:
            raise UnknownKind(
                f"failed to find resource referenced by paramKind: '{kind.api_version}, Kind={kind.kind}'"
            )
        return self._known


class Allows(Authorizer):
    """Allows one verb, and counts how often it is asked."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.asked: list[AuthorizationAttributes] = []

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        self.asked.append(attributes)
        return AuthorizationResult(Decision.ALLOW if attributes.verb == self.verb else Decision.NO_OPINION, "because")


def policy(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"matchConstraints": MATCH, **spec}}


def binding(name: str = "b", policy: str = "p", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"policyName": policy, **spec}}


def validating(*documents: dict[str, Any], **use: Any) -> ValidatingPolicies:
    """The validating plugin with policies and bindings, which deny unless they say otherwise."""
    for document in documents:
        if "policyName" in document["spec"]:
            document["spec"].setdefault("validationActions", ["Deny"])
    plugin = ValidatingPolicies()
    _use(plugin, documents, **use)
    return plugin


def mutating(*documents: dict[str, Any], **use: Any) -> MutatingPolicies:
    """The mutating plugin, switched on."""
    plugin = MutatingPolicies()
    gate = default_feature_gate()
    gate.set_from_map({GATE: True})
    plugin.set_feature_gate(gate)
    _use(plugin, documents, **use)
    return plugin


def _use(plugin: PolicyPlugin[Any, Any, Any], documents: tuple[dict[str, Any], ...], **use: Any) -> None:
    plugin.set_metrics(use.get("registry") or MetricsRegistry())
    plugin.set_authorizer(use.get("authorizer"))
    policies = [document for document in documents if "policyName" not in document["spec"]]
    bindings = [document for document in documents if "policyName" in document["spec"]]
    decode = _decoder(plugin.policy_type, set_policy_defaults)
    decode_binding = _decoder(plugin.binding_type, set_binding_defaults)
    source: PolicySource[Any, Any, Any] = PolicySource(
        Known(*map(decode, policies)), Known(*map(decode_binding, bindings)), plugin.compile
    )
    plugin.use(
        source=source,
        namespaces=use.get("namespaces") or KnownNamespaces(namespace("ns", team="blue")),
        params=use.get("params") or Params(),
    )
