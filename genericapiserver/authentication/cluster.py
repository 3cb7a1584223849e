"""What a cluster publishes for the API servers that extend it: whose certificates and whose headers to believe.

The ConfigMap kube-system/extension-apiserver-authentication has two CA bundles in PEM, and the names of the front proxy
and of its headers as JSON arrays of strings. It is read once at the start and followed from then on. Each part is taken
by itself; a part that is broken or gone later leaves the last good one in use.

Mirrors pkg/server/dynamiccertificates/configmap_cafile_content.go, pkg/authentication/request/headerrequest/
requestheader_controller.go and pkg/server/options/authentication_dynamic_request_header.go. Deviations: one informer
serves all parts, and the reading at the start takes the bundles too, so that there is no moment in which a proxy's header
names are known and its authority is not; blank header names are broken values, for a blank prefix would be one of every
header.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs
import msgspec

from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.certificates import CertificateError, DynamicCAContent
from genericapiserver.client.informer import Informer
from genericapiserver.client.transport import Transport

logger = logging.getLogger(__name__)

NAMESPACE: Final = "kube-system"
NAME: Final = "extension-apiserver-authentication"
READER_ROLE: Final = "extension-apiserver-authentication-reader"
"""The role in kube-system that lets an API server read the ConfigMap."""

CLIENT_CA_KEY: Final = "client-ca-file"
REQUEST_HEADER_CA_KEY: Final = "requestheader-client-ca-file"
ALLOWED_NAMES_KEY: Final = "requestheader-allowed-names"

_PATH: Final = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_NOBODY: Final = RequestHeaderConfig(username_headers=(), uid_headers=(), group_headers=(), extra_header_prefixes=())


class ClusterLookupError(Exception):
    """The ConfigMap could not be read, or holds a value that is no list of strings; the text says which."""


@attrs.frozen
class _Proxy:
    """Whom the cluster lets name users in headers, and in which."""

    config: RequestHeaderConfig
    allowed_names: tuple[str, ...]


class ClusterAuthentication:
    """The published configuration, current while `run` runs. Until it is first read, nobody is believed."""

    def __init__(self, transport: Transport) -> None:
        self.client_ca = DynamicCAContent(f"client-ca::{NAMESPACE}::{NAME}::{CLIENT_CA_KEY}")
        self.request_header_ca = DynamicCAContent(f"client-ca::{NAMESPACE}::{NAME}::{REQUEST_HEADER_CA_KEY}")
        self._transport = transport
        self._proxy = _Proxy(_NOBODY, ())
        self._problems: dict[str, str] = {}
        self._warned = False
        self._informer: Informer[Mapping[str, str]] = Informer(
            transport, _PATH, _data, query={"fieldSelector": f"metadata.name={NAME}"}
        )
        self._informer.add_listener(self._take_current)

    def request_header_config(self) -> RequestHeaderConfig:
        """The headers of the moment; none at all before they are known."""
        return self._proxy.config

    def allowed_names(self) -> tuple[str, ...]:
        """The common names of the moment that may name users; empty allows every one."""
        return self._proxy.allowed_names

    async def load(self) -> None:
        """Read the ConfigMap now. That there is none is no error. Raises ClusterLookupError."""
        try:
            response = await self._transport.request("GET", f"{_PATH}/{NAME}")
        except OSError as error:
            raise ClusterLookupError(str(error)) from error
        if response.status == 404:
            return
        if response.status == 403:
            logger.warning(
                "Unable to get configmap/%s in %s. Usually fixed by 'kubectl create rolebinding -n %s ROLEBINDING_NAME "
                "--role=%s --serviceaccount=YOUR_NS:YOUR_SA'",
                NAME,
                NAMESPACE,
                NAMESPACE,
                READER_ROLE,
            )
        document = _decoded(response.body)
        if response.status != 200:
            message = document.get("message")
            raise ClusterLookupError(str(message or f"reading configmap/{NAME} was answered with {response.status}"))
        data = _data(document)
        self._take_bundles(data)
        self._take_proxy(data)

    async def run(self) -> None:
        """Follow the ConfigMap until cancelled."""
        await self._informer.run()

    def _take_current(self) -> None:
        data = self._informer.get(NAME, namespace=NAMESPACE)
        if data is None:
            return  # deleted: what was good stays in use
        self._take_bundles(data)
        try:
            self._take_proxy(data)
        except ClusterLookupError as error:
            self._report("headers", str(error))
        else:
            self._problems.pop("headers", None)

    def _take_bundles(self, data: Mapping[str, str]) -> None:
        for key, content in ((CLIENT_CA_KEY, self.client_ca), (REQUEST_HEADER_CA_KEY, self.request_header_ca)):
            if not data.get(key) and content.current_ca_bundle() is None:
                continue  # a cluster without, which is nothing that has gone wrong
            try:
                if content.replace(data.get(key, "").encode()):
                    logger.info("Loaded new content of %s", content.name)
            except CertificateError as error:
                self._report(key, str(error))
            else:
                self._problems.pop(key, None)

    def _take_proxy(self, data: Mapping[str, str]) -> None:
        lists = {
            field: _strings(data, f"requestheader-{key}")
            for field, key in (
                ("username_headers", "username-headers"),
                ("uid_headers", "uid-headers"),
                ("group_headers", "group-headers"),
                ("extra_header_prefixes", "extra-headers-prefix"),
            )
        }
        allowed_names = tuple(_strings(data, ALLOWED_NAMES_KEY))
        try:
            config = RequestHeaderConfig(**lists)
        except ValueError as error:
            raise ClusterLookupError(f"configmap/{NAME}: {error}") from error
        self._proxy = _Proxy(config, allowed_names)
        if self.request_header_ca.current_ca_bundle() and not allowed_names and not self._warned:
            self._warned = True
            logger.warning(
                "configmap/%s has no %s: every client certificate of its %s may name users in headers",
                NAME,
                ALLOWED_NAMES_KEY,
                REQUEST_HEADER_CA_KEY,
            )

    def _report(self, part: str, problem: str) -> None:
        """Say what is wrong once, however often the ConfigMap is read."""
        if self._problems.get(part) != problem:
            self._problems[part] = problem
            logger.error("configmap/%s in %s: the last good value stays in use: %s", NAME, NAMESPACE, problem)


def _decoded(body: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except ValueError as error:
        raise ClusterLookupError(f"configmap/{NAME}: the answer is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ClusterLookupError(f"configmap/{NAME}: the answer is no object")
    return document


def _data(document: Mapping[str, Any]) -> Mapping[str, str]:
    data = document.get("data")
    return {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}


def _strings(data: Mapping[str, str], key: str) -> list[str]:
    """The JSON array under *key*, empty without one. Raises ClusterLookupError."""
    text = data.get(key, "")
    if not text:
        return []
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ClusterLookupError(f"configmap/{NAME}: {key} is no JSON array of strings: {error}") from error
    if values is None:  # as in Go, null is an empty list
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ClusterLookupError(f"configmap/{NAME}: {key} is no JSON array of strings: {text}")
    return values
