"""Fetching OpenAPI documents of servers behind, and of those in this process.

Source: the downloaders of pkg/controllers/openapi/aggregator and pkg/controllers/openapiv3/aggregator of
k8s.io/kube-aggregator.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import attrs
import msgspec

from genericapiserver.aio.slices import in_slices
from genericapiserver.client.transport import Response, Transport
from genericapiserver.openapi.specification import Specification, SpecificationError, read_specification

TIMEOUT: Final = 60.0
"""Seconds for one document."""
OWN_TAG: Final = '"6E8F849B434D4B98A569B9D7718876E9-'
"""What the tags begin with that stand for those of servers that give none."""

Root = Mapping[str, Mapping[str, Any]]
"""The `paths` of a v3 root: names such as `apis/<group>/<version>`, each with its `serverRelativeURL`."""


class OpenAPIError(Exception):
    """A server does not give its document; the text says why."""


@attrs.frozen(eq=False)
class Fetched:
    """A v2 document as it is now; without a specification it has not changed since its tag was *etag*."""

    specification: Specification | None
    etag: str


async def fetch_v2(
    transport: Transport, etag: str = "", *, turns: asyncio.Lock | None = None, timeout: float = TIMEOUT
) -> Fetched | None:
    """The v2 document of a server, if it is another than that of *etag*; None when it has none. Raises OpenAPIError.

    Documents are read one after another by who holds *turns*: many at once would leave others few turns of the loop.
    """
    headers = {"accept": "application/json"}
    if etag and not etag.startswith(OWN_TAG):
        headers["if-none-match"] = etag
    response = await _get(transport, "/openapi/v2", headers, timeout)
    if response.status == 404:
        return None
    if response.status == 304:
        if not etag:
            raise OpenAPIError("http.StatusNotModified is not allowed in absence of etag")
        return Fetched(None, etag)
    if response.status != 200:
        raise OpenAPIError(f"failed to retrieve openAPI spec, http error: {response.status}")
    tag = response.headers.get("etag", "")
    if not tag:
        tag = await asyncio.to_thread(_own_tag, response.body)
    if tag == etag:
        return Fetched(None, etag)
    try:
        async with turns or asyncio.Lock():
            return Fetched(await in_slices(read_specification(response.body)), tag)
    except SpecificationError as error:
        raise OpenAPIError(f"failed to retrieve openAPI spec: {error}") from error


async def fetch_v3_root(transport: Transport, *, timeout: float = TIMEOUT) -> Root | None:
    """Which v3 documents a server has; None when it has none. Raises OpenAPIError."""
    response = await _get(transport, "/openapi/v3", {"accept": "application/json"}, timeout)
    if response.status == 404:
        return None
    if response.status != 200:
        raise OpenAPIError(f"could not get list of group versions for APIService: http error: {response.status}")
    try:
        paths = msgspec.json.decode(response.body, type=dict[str, Any]).get("paths")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OpenAPIError(f"the list of OpenAPI v3 documents is malformed: {error}") from error
    if not isinstance(paths, dict):
        return {}
    return {name: _item(name, item) for name, item in paths.items()}


def _item(name: str, item: Any) -> Mapping[str, Any]:
    """The entry of a root. An address that leads elsewhere is replaced: clients follow it with their credentials."""
    address = f"/openapi/v3/{name}"
    said = item.get("serverRelativeURL") if isinstance(item, dict) else None
    if isinstance(said, str) and said.partition("?")[0] == address:
        return {"serverRelativeURL": said}
    return {"serverRelativeURL": address}


async def _get(transport: Transport, path: str, headers: Mapping[str, str], timeout: float) -> Response:
    try:
        async with asyncio.timeout(timeout):
            return await transport.request("GET", path, headers=headers)
    except TimeoutError:
        raise OpenAPIError(f"no answer to GET {path} within {timeout:g} s") from None
    except ConnectionError as error:
        raise OpenAPIError(str(error)) from error


def _own_tag(body: bytes) -> str:
    return f'{OWN_TAG}{hashlib.sha512(body).hexdigest().upper()}"'
