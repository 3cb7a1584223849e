"""Which groups of Kubernetes' own API a server without a cluster can serve, and the module that serves each.

A module of the table has two functions: `register(scheme)` adds the group's types to the scheme of a program, before its
server is made; `install(server, serializer)` serves the group at that server. A module is imported when its group is asked
for: a server that serves none of them pays for none of them.
"""

import importlib
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, cast

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.config import ConfigError
from genericapiserver.server import GenericAPIServer


class GroupModule(Protocol):
    """What a module of this package offers for its group."""

    def register(self, scheme: Scheme) -> None:
        """Add the types of the group to *scheme*, with their defaults and field labels."""

    def install(self, server: GenericAPIServer, serializer: CodecFactory) -> None:
        """Serve the group at *server*, whose informers and hooks may be added to. Raises ConfigError, APIGroupError."""


@attrs.frozen(kw_only=True)
class ControlPlaneGroup:
    """One group: its name, the module that serves it, and whether its objects are stored."""

    name: str
    module: str
    stored: bool = True

    def load(self) -> GroupModule:
        return cast(GroupModule, importlib.import_module(f"{__package__}.{self.module}"))


CORE: Final = ControlPlaneGroup(name="", module="core")
"""Namespaces and events: behind a flag of its own, because kubectl treats a server with namespaces differently."""

GROUPS: Final[Sequence[ControlPlaneGroup]] = (
    ControlPlaneGroup(name="authentication.k8s.io", module="authentication", stored=False),
    ControlPlaneGroup(name="authorization.k8s.io", module="authorization", stored=False),
    ControlPlaneGroup(name="rbac.authorization.k8s.io", module="rbac"),
    ControlPlaneGroup(name="admissionregistration.k8s.io", module="admissionregistration"),
    ControlPlaneGroup(name="flowcontrol.apiserver.k8s.io", module="flowcontrol"),
)
"""Every other group that is built, in the order in which they are installed."""


def group_names(*, stored: bool = True) -> list[str]:
    """The names of all groups but core; without *stored* only of those that keep nothing."""
    return [group.name for group in GROUPS if stored or not group.stored]


def unknown_group_problems(names: Iterable[str], flag: str) -> list[str]:
    """What is wrong with the *names* given to *flag*: one text for each that no module serves."""
    known = group_names()
    return [
        f"{flag}: there is no group {quote(name)}"
        + (" to ask for here: --serve-core serves namespaces and events" if name in ("", "core", "v1") else "")
        + f" (known: {', '.join(known) or 'none'})"
        for name in names
        if name not in known
    ]


def selected_groups(names: Iterable[str], *, core: bool, storage: bool) -> list[ControlPlaneGroup]:
    """The groups called *names*, in the order of the table, and core first if wanted.

    Raises ConfigError for a group that has to keep objects where there is no *storage*.
    """
    wanted = set(names)
    groups = [CORE] if core else []
    groups += [group for group in GROUPS if group.name in wanted]
    if not storage and (homeless := [group.name or "core" for group in groups if group.stored]):
        raise ConfigError(f"there is no storage to keep the objects of {', '.join(homeless)} in")
    return groups
