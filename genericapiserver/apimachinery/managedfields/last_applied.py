"""The annotation in which `kubectl apply` keeps what it applied (managedfields/internal/lastapplied*.go).

Server-side apply by the manager `kubectl` takes over from client-side apply: what the annotation says kubectl set is no
conflict, and the annotation is kept up to date so that one can go back.
"""

from typing import Any

import msgspec

from genericapiserver.apimachinery.managedfields.conflicts import MergeConflict
from genericapiserver.apimachinery.managedfields.converter import VersionConverter
from genericapiserver.apimachinery.managedfields.elements import JSON
from genericapiserver.apimachinery.managedfields.list_items import ItemError
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.typed import TypedValue
from genericapiserver.apimachinery.managedfields.validate import ValidationError
from genericapiserver.apimachinery.serializer.json import encode_json, sort_keys

KUBECTL = "kubectl"
"""The one manager that this is about."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATION_BYTES = 256 * 1024


def uncovered_conflicts(
    conflict: MergeConflict, live: Any, live_value: TypedValue, converter: VersionConverter
) -> MergeConflict | None:
    """What is left of *conflict* once the annotation of *live* is believed; None when all of it was kubectl's."""
    covered = _fields_of(live.metadata.annotations.get(LAST_APPLIED, ""), live_value, converter)
    return conflict if covered is None else conflict.without(covered)


def _fields_of(annotation: str, live: TypedValue, converter: VersionConverter) -> PathSet | None:
    """What the annotation says was applied, as far as it is still so; None when it says nothing of use."""
    try:
        applied = msgspec.json.decode(annotation)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
    if not isinstance(applied, dict) or not applied.get("kind") or applied.get("apiVersion") != live.api_version:
        return None
    config = converter.config(applied)
    try:
        config.validate()
        changes = config.compare(live)
        fields = config.field_set()
    except (ValidationError, ItemError):
        return None
    return fields.difference(changes.modified).difference(changes.added).difference(changes.removed)


def refresh(obj: Any, config: dict[str, JSON]) -> None:
    """Write *config* into the annotation of *obj*, if it has one; drop it where the annotations would grow too big."""
    annotations = obj.metadata.annotations
    if not annotations.get(LAST_APPLIED):
        return
    text = _text_of(config)
    size = sum(len(_utf8(key)) + len(_utf8(value)) for key, value in annotations.items() if key != LAST_APPLIED)
    if size + len(LAST_APPLIED) + len(_utf8(text)) > MAX_ANNOTATION_BYTES:
        del annotations[LAST_APPLIED]
    else:
        annotations[LAST_APPLIED] = text


def _text_of(config: dict[str, JSON]) -> str:
    """The configuration without its own annotation, with sorted keys and a newline, as kubectl would write it."""
    metadata = dict(config.get("metadata") or {})
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    else:
        metadata.pop("annotations", None)
    return encode_json(sort_keys({**config, "metadata": metadata})).decode() + "\n"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
