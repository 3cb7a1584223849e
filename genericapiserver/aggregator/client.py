"""Reading and writing APIServices by the API of the aggregator itself, as any client would."""

import json
from typing import Final

import msgspec

from genericapiserver.aggregator.registry import PATH
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.apiregistration_v1 import GROUP_VERSION, APIService
from genericapiserver.client.rest import JSON
from genericapiserver.client.transport import Response, Transport

KIND: Final = GROUP_VERSION.with_kind("APIService")


class WriteError(ConnectionError):
    """A write was refused; `status` is the HTTP status, the text what the server says."""

    def __init__(self, what: str, response: Response) -> None:
        super().__init__(f"{what}: {response.status}: {_message(response.body)}")
        self.status = response.status


class APIServiceClient:
    """Everything raises WriteError for an answer that is no success."""

    def __init__(self, transport: Transport, serializer: CodecFactory) -> None:
        self._transport = transport
        self._serializer = serializer

    async def create(self, service: APIService) -> None:
        await self._write("POST", PATH, service)

    async def update(self, service: APIService) -> None:
        await self._write("PUT", f"{PATH}/{service.metadata.name}", service)

    async def update_status(self, service: APIService) -> None:
        await self._write("PUT", f"{PATH}/{service.metadata.name}/status", service)

    async def delete(self, name: str, *, uid: str) -> None:
        """Delete the object with that UID, and no other of its name."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        body = json.dumps(options).encode()
        response = await self._transport.request("DELETE", f"{PATH}/{name}", headers=JSON, body=body)
        if response.status >= 300:
            raise WriteError(f"cannot delete APIService {name}", response)

    async def _write(self, method: str, path: str, service: APIService) -> None:
        body = self._serializer.encode(service, KIND)
        response = await self._transport.request(method, path, headers=JSON, body=body)
        if response.status >= 300:
            raise WriteError(f"cannot write APIService {service.metadata.name}", response)


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body.decode(errors="replace")
