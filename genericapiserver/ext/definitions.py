"""Names of definitions in OpenAPI, and which types there are definitions of.

Source: getDefinitionName in pkg/ext/apiserver.go of rancher/steve, where the replacement that counts is random if several
fit; here it is the longest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from genericapiserver.apimachinery.meta import GROUP_VERSION as META_GROUP_VERSION
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_meta_to_scheme, add_to_group_version

GetOpenAPIDefinitions = Callable[[], Iterable[type[Any]]]
"""Gives the types that documents have definitions of."""


def definition_namer(replacements: Mapping[str, str]) -> Callable[[str], str]:
    """Names with the longest key that they begin with replaced, wherever it stands in them."""
    ordered = sorted(replacements.items(), key=lambda pair: len(pair[0]), reverse=True)

    def name(model: str) -> str:
        for prefix, replacement in ordered:
            if prefix and model.startswith(prefix):
                return model.replace(prefix, replacement)
        return model

    return name


def definitions_of(scheme: Scheme) -> GetOpenAPIDefinitions:
    """The kinds that *scheme* has when the documents are made, without those of every API group."""

    def definitions() -> Sequence[type[Any]]:
        common = Scheme("common")
        add_to_scheme(common)
        known = set(common.all_known_types().values())
        kinds = scheme.all_known_types()
        return [cls for cls in dict.fromkeys(kinds.values()) if cls not in known]

    return definitions


def add_to_scheme(scheme: Scheme) -> None:
    """Register what every extension server needs beside its own kinds: options of requests, tables, statuses.

    Making a server does it; doing it again changes nothing.
    """
    add_to_group_version(scheme, GroupVersion("", "v1"))
    if not scheme.recognizes(META_GROUP_VERSION.with_kind("Table")):
        add_meta_to_scheme(scheme)
