"""Verbs list and watch on collections, which share a path and their options (pkg/endpoints/handlers/get.go)."""

import random

from genericapiserver.apimachinery.errors import BadRequestError, MethodNotSupportedError
from genericapiserver.apimachinery.fields import Selector
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.options import list_options
from genericapiserver.endpoints.handlers.watch import WatchServer
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import Lister, Watcher
from genericapiserver.tracing import step


def list_handler(
    scope: RequestScope, *, watches: WatchServer | None, force_watch: bool = False, metrics_scope: str = ""
) -> VerbHandler:
    """Serve lists, and watches where *watches* is given. *force_watch*: the path itself asks for a watch.

    *metrics_scope* is the route's, for the duration of initial events.
    """
    lister: Lister = scope.storage
    watcher: Watcher = scope.storage

    async def list_or_watch(request: APIRequest) -> APIResponse:
        options = list_options(request)
        representation = scope.output(request)
        convert_field_labels(scope, options)
        pin_name(request, options)
        if not (options.watch or force_watch):
            step("About to List from storage")
            listed = await lister.list(request.context, options)
            step("Listing from storage done")
            return await representation.response(request, 200, listed)
        if watches is None:
            raise MethodNotSupportedError(scope.resource.group_resource, "watch")
        timeout = float(options.timeout_seconds or 0) or default_watch_timeout(scope)
        options.timeout_seconds = int(timeout)
        stream = await watcher.watch(request.context, options)
        return await watches.serve(request, stream, timeout=timeout, options=options, metrics_scope=metrics_scope)

    return list_or_watch


def default_watch_timeout(scope: RequestScope) -> float:
    """Seconds for a watch whose client does not say: spread, so that watches opened together do not end together."""
    return scope.min_request_timeout * (1.0 + random.random())  # noqa: S311 - load spreading, no secret


def convert_field_labels(scope: RequestScope, options: ListOptions) -> None:
    """Bring the field selector to the hub's labels. Raises BadRequestError for a label that the kind has not."""
    selector = options.field_selector
    if selector.empty:
        return

    def convert(label: str, value: str) -> tuple[str, str]:
        return scope.scheme.convert_field_label(scope.kind, label, value)

    try:
        options.field_selector = selector.transform(convert)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def pin_name(request: APIRequest, options: ListOptions) -> None:
    """Treat a name, from the path or pinned by the selector, as a field selector.

    Raises BadRequestError when both are there and differ.
    """
    name = request.context.request_info.name
    if not name:
        return
    selector = options.field_selector
    if selector.empty:
        options.field_selector = Selector.from_fields({"metadata.name": name})
    elif selector.requires_exact_match("metadata.name") != name:
        raise BadRequestError("fieldSelector metadata.name doesn't match requested name")
