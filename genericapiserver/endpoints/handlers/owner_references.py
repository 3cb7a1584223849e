"""Owner references that are given twice are stored once, and the client is told (pkg/endpoints/handlers/rest.go)."""

from typing import Any, Final

from genericapiserver.request.context import RequestContext

_WARNING: Final = (
    ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may "
    "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
)


def dedup_owner_references(context: RequestContext, obj: Any, *, after_admission: bool) -> None:
    """Drop repeated owner references from *obj*, with a warning. Only equal ones count: a uid alone may come twice."""
    metadata = getattr(obj, "metadata", None)
    references = getattr(metadata, "owner_references", None)
    if not references or len(references) < 2:
        return
    kept: list[Any] = []
    duplicates: list[str] = []
    for reference in references:
        if reference not in kept:
            kept.append(reference)
        else:
            duplicates.append(reference.uid)
    if not duplicates:
        return
    metadata.owner_references = kept  # type: ignore[union-attr] # it has references
    when = " after mutating admission happens" if after_admission else ""
    context.add_warning(_WARNING.format(when=when, uids=", ".join(duplicates)))
