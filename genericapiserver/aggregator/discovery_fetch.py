"""Asking a server behind what it has: everything at once where it can tell, else one group version.

Source: fetchFreshDiscoveryForService in pkg/apiserver/handler_discovery.go of k8s.io/kube-aggregator.
"""

import asyncio
from collections.abc import Mapping
from email.message import Message
from typing import Any, Final, TypeVar

import attrs

from genericapiserver.apimachinery.meta import APIResourceList
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.json import parse_plain
from genericapiserver.client.transport import Response, Transport
from genericapiserver.endpoints.discovery.aggregated import (
    BETA_KIND,
    KIND,
    APIGroupDiscoveryList,
    APIVersionDiscovery,
    ResponseKind,
)
from genericapiserver.endpoints.discovery.conversion import to_resource_discovery

T = TypeVar("T")

TIMEOUT: Final = 5.0
"""Seconds for one answer."""
VERSIONS: Final = (KIND.version, BETA_KIND.version)
"""Of the document with everything; both say the same in the same words."""
_JSON: Final = "application/json"
_ACCEPT: Final = ",".join(f"{_JSON};g={KIND.group};v={version};as={KIND.kind}" for version in VERSIONS)


class DiscoveryError(Exception):
    """A server does not say what it has; the text names the server and says why."""


@attrs.frozen(eq=False)
class Everything:
    """All that a server has, by group and version, and the tag by which it is known whether that has changed."""

    versions: Mapping[GroupVersion, APIVersionDiscovery]
    etag: str = ""


class DiscoveryClient:
    """Reads discovery documents."""

    def __init__(self, codec: CodecFactory, *, timeout: float = TIMEOUT) -> None:
        self._codec = codec
        self._timeout = timeout

    async def everything(self, transport: Transport, service: str, known: Everything | None) -> Everything | None:
        """All that the server of *service* has; *known* itself where nothing has changed, None where it cannot tell.

        Raises DiscoveryError.
        """
        headers = {"accept": _ACCEPT}
        if known is not None and known.etag:
            headers["if-none-match"] = known.etag
        response = await self._get(transport, "/apis", headers, service)
        if response.status == 304 and known is not None:
            return known
        if response.status == 503:
            raise DiscoveryError(f"service {service} returned non-success response code: {response.status}")
        if response.status != 200 or not _is_everything(response.headers.get("content-type", "")):
            return None
        document = self._decode(APIGroupDiscoveryList, response, service)
        versions = {}
        for group in document.items:
            for version in group.versions:
                _fill_kinds(version)
                versions[GroupVersion(group.metadata.name, version.version)] = version
        return Everything(versions, response.headers.get("etag", ""))

    async def version(self, transport: Transport, service: str, version: GroupVersion) -> APIVersionDiscovery:
        """What the server of *service* has at *version*. Raises DiscoveryError."""
        path = f"/apis/{version}"
        response = await self._get(transport, path, {"accept": _JSON}, service)
        if response.status != 200:
            raise DiscoveryError(
                f"failed to download legacy discovery for {path}: {service} answered {response.status}"
            )
        document = self._decode(APIResourceList, response, service)
        try:
            resources = to_resource_discovery(document.resources)
        except ValueError as error:
            raise DiscoveryError(f"service {service} at {path}: {error}") from error
        return APIVersionDiscovery(version=version.version, resources=resources)

    async def _get(self, transport: Transport, path: str, headers: Mapping[str, str], service: str) -> Response:
        try:
            async with asyncio.timeout(self._timeout):
                return await transport.request("GET", path, headers=headers)
        except TimeoutError:
            raise DiscoveryError(f"service {service} did not answer {path} within {self._timeout:g} s") from None
        except ConnectionError as error:
            raise DiscoveryError(f"service {service} at {path}: {error}") from error

    def _decode(self, cls: type[T], response: Response, service: str) -> T:
        try:
            value: Any = parse_plain(response.body)
            if not isinstance(value, dict):
                raise DiscoveryError(f"service {service} answered with JSON that is no object")
            return self._codec.from_unstructured(value, cls)[0]
        except DecodeError as error:
            raise DiscoveryError(f"service {service} answered with what is no {cls.__name__}: {error}") from error


def _is_everything(content_type: str) -> bool:
    """Whether the content type says that a body is the document with everything (client-go's ContentTypeIsGVK)."""
    message = Message()
    message["content-type"] = content_type
    said = {name.lower(): value for name, value in message.get_params(failobj=[])[1:]}
    return (
        message.get_content_type() == _JSON
        and said.get("g") == KIND.group
        and said.get("v") in VERSIONS
        and said.get("as") == KIND.kind
    )


def _fill_kinds(version: APIVersionDiscovery) -> None:
    """Clients of 1.26 cannot do without a kind, be it empty (kubernetes issue 118361)."""
    for resource in version.resources:
        if resource.response_kind is None:
            resource.response_kind = ResponseKind(group="", version="", kind="")
        for subresource in resource.subresources:
            if subresource.response_kind is None:
                subresource.response_kind = ResponseKind(group="", version="", kind="")
