"""The operations of a document: one for each method on each path.

Source: pkg/endpoints/openapi/openapi.go of k8s.io/apiserver (names, tags) and kube-openapi's builders.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from genericapiserver.apimachinery.routes import RouteDescription, RouteParameter
from genericapiserver.apimachinery.schema import GroupVersion

_VERB: Final = re.compile(r"[a-z]+")
_PATTERN: Final = re.compile(r"\{(\w+):\*\}")

STATUS_TEXTS: Final = {200: "OK", 201: "Created", 202: "Accepted", 401: "Unauthorized"}

Operation = dict[str, Any]


def operation_id(route: RouteDescription) -> str:
    """The verb, the group and version, then the rest: `listWardleExampleComV1alpha1NamespacedFlunder`."""
    if route.group_version is None:
        return route.operation
    verb = _VERB.match(route.operation)
    end = verb.end() if verb else 0
    version = route.group_version.version
    where = f"{group_camel(route.group_version)}{version[:1].upper()}{version[1:]}"
    return f"{route.operation[:end]}{where}{route.operation[end:]}"


def group_camel(group_version: GroupVersion) -> str:
    """The group in camel case without `.k8s.io`; the group without a name is `Core`."""
    group = group_version.group.removesuffix(".k8s.io") or "core"
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[.\-]", group))


def tag(route: RouteDescription) -> str:
    """The tag that groups an operation with its neighbours: `wardleExampleCom_v1alpha1`."""
    if route.group_version is None:
        return route.path.strip("/").split("/")[0] or "root"
    camel = group_camel(route.group_version)
    name = camel[:1].lower() + camel[1:]
    return f"{name}_{route.group_version.version}" if route.group_version.version else name


def path_of(route: RouteDescription) -> str:
    """The path with plain parameters: `{path:*}` is `{path}`."""
    return _PATTERN.sub(r"{\1}", route.path)


def base_operation(route: RouteDescription) -> Operation:
    """What both versions of OpenAPI say of an operation in the same words."""
    operation: Operation = {"tags": [tag(route)], "description": route.doc, "operationId": operation_id(route)}
    if route.action is not None:
        operation["x-kubernetes-action"] = route.action
    if route.kind is not None:
        kind = route.kind
        operation["x-kubernetes-group-version-kind"] = {
            "group": kind.group,
            "kind": kind.kind,
            "version": kind.version,
        }
    return operation


def build_paths(
    routes: Iterable[RouteDescription],
    operation_of: Callable[[RouteDescription, Sequence[RouteParameter]], Operation],
    parameter_of: Callable[[RouteParameter], dict[str, Any]],
) -> dict[str, Any]:
    """Paths with their operations; parameters that all operations of a path share stand at the path.

    kubectl looks for `fieldValidation` and `dryRun` at the PATCH operation itself, which holds because a path that can
    be patched can be read, too, and reading takes neither.
    """
    by_path: dict[str, list[RouteDescription]] = {}
    for route in routes:
        by_path.setdefault(path_of(route), []).append(route)
    paths: dict[str, Any] = {}
    for path, together in sorted(by_path.items()):
        shared = [
            parameter
            for parameter in together[0].parameters
            if all(parameter in route.parameters for route in together)
            and (
                parameter.location == "path"
                or parameter.name == "pretty"
                or together[0].action in ("watch", "watchlist")
            )
        ]
        entry: dict[str, Any] = {}
        for route in together:
            own = [parameter for parameter in route.parameters if parameter not in shared]
            entry[route.method.lower()] = operation_of(route, own)
        if shared:
            entry["parameters"] = [parameter_of(parameter) for parameter in shared]
        paths[path] = entry
    return paths
