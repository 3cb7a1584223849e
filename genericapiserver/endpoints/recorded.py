"""What the audit event of a request is handed: objects that are encoded only if somebody wants to see them.

Most audit policies keep no bodies, so nothing is encoded in advance. A recorder that keeps a body calls `json()` at
once: the object behind a request body is changed on its way to the storage.
"""

from typing import Any

import attrs
import msgspec

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.json import encode_json
from genericapiserver.apimachinery.serializer.yaml import parse_yaml
from genericapiserver.endpoints.api_request import Body


@attrs.frozen(eq=False)
class RecordedObject:
    """A decoded request body, to be shown as it was declared."""

    codec: CodecFactory
    object: Any
    kind: GroupVersionKind

    def json(self) -> bytes:
        """Compact JSON in the declared version, without a newline."""
        return self.codec.encode(self.object, self.kind).rstrip(b"\n")


@attrs.frozen(eq=False)
class RecordedBody:
    """A response body as it was sent, before compression."""

    body: Body
    media_type: str

    def json(self) -> bytes:
        """Compact JSON, whatever form was sent."""
        data = self.body if isinstance(self.body, bytes) else b"".join(self.body)
        if self.media_type == YAML_MEDIA_TYPE:
            return encode_json(parse_yaml(data).value)
        return msgspec.json.format(data, indent=-1)
