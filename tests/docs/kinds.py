"""Decoding a YAML document as the kind that it names: the library's, a sample's, or that of a program on the same page."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

import genericapiserver.apis
from examples.aggregation.kitchen import RECIPES
from examples.wardle.scheme import new_scheme as wardle_scheme
from examples.widgets.server import WIDGETS
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import strict_decoding_text
from genericapiserver.builder import Resource
from genericapiserver.builder.program import resources_in
from genericapiserver.builder.resource import new_scheme
from genericapiserver.builder.resource.declaration import declared
from genericapiserver.minkapi import kinds as kubernetes

KUBECONFIG = ("v1", "Config")
"""No API type: clients read it, and what it points to need not exist here."""
LIST = ("v1", "List")
"""kubectl's own: its items are sent one by one."""


def documents(text: str) -> list[str]:
    """The documents of a YAML text that have anything in them."""
    parts = re.split(r"^---.*$\n?", text, flags=re.MULTILINE)
    return [part for part in parts if yaml.safe_load(part) is not None]


def decode(document: str, programs: Iterable[tuple[str, str]] = ()) -> None:
    """Decode an object strictly; a YAML text that names no kind only has to be YAML.

    *programs* are the names and texts of the page's Python files, whose resources are kinds too. Raises what the codec
    raises, or ValueError with the unknown fields.
    """
    content = yaml.safe_load(document)
    if not isinstance(content, dict) or not {"apiVersion", "kind"} <= content.keys():
        return
    kind = (str(content["apiVersion"]), str(content["kind"]))
    if kind == LIST:
        for item in content["items"]:
            decode(yaml.safe_dump(item), programs)
    elif kind != KUBECONFIG:
        scheme = _scheme_of(GroupVersionKind.parse(*kind), tuple(programs))
        decoded = CodecFactory(scheme).decode(document.encode(), media_type=YAML_MEDIA_TYPE, strict=True)
        if decoded.strict_errors:
            raise ValueError(f"{kind[1]}: {strict_decoding_text(decoded.strict_errors)}")


def _scheme_of(gvk: GroupVersionKind, programs: tuple[tuple[str, str], ...]) -> Scheme:
    """The scheme that knows *gvk*, or the one whose complaint says that nobody does."""
    for scheme in (*_own_schemes(), _scheme_of_programs(programs)):
        if scheme.recognizes(gvk):
            return scheme
    return scheme


@functools.cache
def _own_schemes() -> tuple[Scheme, ...]:
    """All that the modules of `apis` have, and the samples."""
    library = Scheme("library")
    for found in pkgutil.iter_modules(genericapiserver.apis.__path__):
        module = importlib.import_module(f"genericapiserver.apis.{found.name}")
        if register := getattr(module, "add_to_scheme", None):
            register(library)
    cluster = kubernetes.new_scheme([*kubernetes.KINDS, *kubernetes.FURTHER_KINDS])
    return library, cluster, wardle_scheme(), new_scheme([WIDGETS, RECIPES])


@functools.cache
def _scheme_of_programs(programs: tuple[tuple[str, str], ...]) -> Scheme:
    resources: list[type[Any] | Resource] = []
    for name, text in programs:
        module_name = f"documented_{Path(name).stem}"
        spec = importlib.util.spec_from_loader(module_name, None)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        exec(compile(text, name, "exec"), vars(module))
        resources += resources_in(module)
    return new_scheme([declared(resource) for resource in resources])
