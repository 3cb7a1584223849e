"""The options of requests: decoded from the query (BadRequestError), then validated (InvalidError)."""

from typing import Any

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.meta import CreateOptions, DeleteOptions, GetOptions, PatchOptions, UpdateOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.query_options import (
    decode_create_options,
    decode_delete_options,
    decode_get_options,
    decode_list_options,
    decode_options,
    decode_patch_options,
    decode_update_options,
    set_list_options_defaults,
)
from genericapiserver.apimachinery.validation.options import (
    invalid_options,
    validate_create_options,
    validate_delete_options,
    validate_list_options,
    validate_patch_options,
    validate_update_options,
)
from genericapiserver.endpoints.api_request import APIRequest


def get_options(request: APIRequest) -> GetOptions:
    """The options of a get."""
    return decode_get_options(request.values)


def list_options(request: APIRequest) -> ListOptions:
    """The options of a list or a watch, selectors parsed and defaults set."""
    if not request.query:
        return ListOptions()
    options = decode_list_options(request.values)
    set_list_options_defaults(options)
    _refuse("ListOptions", validate_list_options(options))
    return options


def create_options(request: APIRequest) -> CreateOptions:
    """The options of a create."""
    if not request.query:
        return CreateOptions()
    options = decode_create_options(request.values)
    _refuse("CreateOptions", validate_create_options(options))
    return options


def update_options(request: APIRequest) -> UpdateOptions:
    """The options of an update."""
    if not request.query:
        return UpdateOptions()
    options = decode_update_options(request.values)
    _refuse("UpdateOptions", validate_update_options(options))
    return options


def patch_options(request: APIRequest, *, apply: bool) -> PatchOptions:
    """The options of a patch."""
    options = decode_patch_options(request.values)
    _refuse("PatchOptions", validate_patch_options(options, apply=apply))
    return options


def delete_options(request: APIRequest) -> DeleteOptions:
    """The options in the query of a delete without a body; not validated yet, as those of a body are not."""
    return decode_delete_options(request.values)


def check_delete_options(options: DeleteOptions) -> None:
    """Raises InvalidError for options that contradict each other."""
    _refuse("DeleteOptions", validate_delete_options(options))


def endpoint_options(request: APIRequest, options_type: type[Any], *, path_option: str, of_subresource: bool) -> Any:
    """Options of a storage's own kind. *path_option* takes the rest of the path, with a slash before it.

    A slash at the end of the request's path is kept.
    """
    values = request.values
    if path_option:
        info = request.context.request_info
        rest = "/".join(info.parts[3 if of_subresource else 2 :])
        if rest and not rest.startswith("/"):
            rest = "/" + rest
        if info.path.endswith("/") and not rest.endswith("/"):
            rest += "/"
        values = {**values, path_option: [rest]}
    return decode_options(options_type, values)


def _refuse(kind: str, errors: list[FieldError]) -> None:
    if errors:
        raise invalid_options(kind, errors)
