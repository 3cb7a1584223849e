"""Resources that answer a question when they are created, and are stored nowhere."""

import abc
from collections.abc import Mapping
from typing import Any

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.meta import CreateOptions
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authentication.user import UserInfo
from genericapiserver.registry.rest import RESTStorage, ValidateObject
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer


class ReviewStorage(abc.ABC):
    """The verb create of one kind; a subclass sets `object_type` and answers in `create`."""

    object_type: type[Any]
    namespace_scoped = False

    @property
    def singular_name(self) -> str:
        return self.object_type.__name__.lower()

    @abc.abstractmethod
    async def create(
        self, context: RequestContext, obj: Any, *, validate: ValidateObject | None, options: CreateOptions
    ) -> Any:
        """The answer, of the same kind as *obj*. Raises StatusError."""

    async def aclose(self) -> None:  # noqa: B027  most have nothing to close
        """Release what the storage holds."""


def requesting_user(context: RequestContext) -> UserInfo:
    """Who asks. Raises BadRequestError on a server that does not ask who somebody is."""
    if context.user is None:
        raise BadRequestError("no user present on request")
    return context.user


def install_reviews(
    server: GenericAPIServer, serializer: CodecFactory, version: GroupVersion, storages: Mapping[str, RESTStorage]
) -> None:
    """Serve *storages* as the resources of *version*. Raises APIGroupError."""
    codec = serializer.with_protobuf()
    group = APIGroupInfo.for_group(version.group, scheme=codec.scheme, serializer=codec)
    group.versioned_resources_storage[version.version] = dict(storages)
    server.install_api_group(group)
