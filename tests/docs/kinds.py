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

import yaml

import genericapiserver.apis
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.types import is_api_type
from genericapiserver.builder import Resource
from genericapiserver.builder.resource import new_scheme

SAMPLES = ("examples.wardle.v1alpha1", "examples.wardle.v1beta1")
KUBECONFIG = ("v1", "Config")
"""No API type: clients read it, and what it points to need not exist here."""


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
    if kind == KUBECONFIG:
        return
    scheme = _scheme_of_programs(tuple(programs)) if kind not in library_kinds() else _library_scheme()
    decoded = CodecFactory(scheme).decode(document.encode(), media_type=YAML_MEDIA_TYPE, strict=True)
    if decoded.strict_errors:
        raise ValueError(f"{kind[1]}: {', '.join(decoded.strict_errors)}")


@functools.cache
def library_kinds() -> dict[tuple[str, str], type[object]]:
    """The types of the modules of `apis` and of the samples, by apiVersion and kind.

    A module has a GROUP_VERSION, or says with `add_to_scheme` what it has.
    """
    names = [f"genericapiserver.apis.{found.name}" for found in pkgutil.iter_modules(genericapiserver.apis.__path__)]
    kinds: dict[tuple[str, str], type[object]] = {}
    for name in (*names, *SAMPLES):
        module = importlib.import_module(name)
        version = getattr(module, "GROUP_VERSION", None)
        if isinstance(version, GroupVersion):
            own = (cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == name)
            kinds |= {(str(version), cls.__name__): cls for cls in own if is_api_type(cls)}
        if register := getattr(module, "add_to_scheme", None):
            register(scheme := Scheme(name))
            kinds |= {(gvk.api_version, gvk.kind): cls for gvk, cls in scheme.all_known_types().items()}
    return kinds


@functools.cache
def _library_scheme() -> Scheme:
    scheme = Scheme("documentation")
    for (api_version, kind), cls in library_kinds().items():
        scheme.add_known_type_with_name(GroupVersion.parse(api_version).with_kind(kind), cls)
    return scheme


@functools.cache
def _scheme_of_programs(programs: tuple[tuple[str, str], ...]) -> Scheme:
    resources: list[Resource] = []
    for name, text in programs:
        module_name = f"documented_{Path(name).stem}"
        spec = importlib.util.spec_from_loader(module_name, None)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        exec(compile(text, name, "exec"), vars(module))
        resources += [value for value in vars(module).values() if isinstance(value, Resource)]
    return new_scheme(resources)
