"""Patches of JSON documents: RFC 6902, RFC 7386, and Kubernetes' strategic merge.

Each has a class with `parse(data, strict=...)`, which reads a request body once, and `apply(document, ...)`, which may be
called for every attempt and changes neither the document nor the patch. Results share parts with both; decode them, do
not change them. Errors are StatusErrors with the texts and codes of the reference. Server-side apply lives in
`managedfields`.
"""

from genericapiserver.apimachinery.patch.json_patch import JSONPatch
from genericapiserver.apimachinery.patch.merge_patch import MergePatch, create_merge_patch
from genericapiserver.apimachinery.patch.strategic import PatchSchema, StrategicMergePatch, patch_schema_for

__all__ = [
    "JSONPatch",
    "MergePatch",
    "PatchSchema",
    "StrategicMergePatch",
    "create_merge_patch",
    "patch_schema_for",
]
