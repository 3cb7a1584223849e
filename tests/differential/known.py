"""Differences that are known: which, where, and why. A run names what is not here, and what is here and no longer occurs."""

from __future__ import annotations

import re
from typing import Final

import attrs

DELIBERATE: Final = "deliberate"
TO_BE_MENDED: Final = "to be mended"
LUCK: Final = "luck"
"""Of timers, or of what the reference's store held before: may be missing from a run without being gone."""


@attrs.frozen
class Known:
    """A difference with its reason; *request* and *line* are regular expressions that are searched for."""

    name: str
    kind: str
    """DELIBERATE, TO_BE_MENDED or LUCK."""
    reason: str
    family: str
    """The family of scenarios that shows it; it is gone when all of them have been run and none did."""
    request: str
    """Found in `family/title: METHOD path headers body`."""
    line: str = "."

    def covers(self, scenario: str, request: str, line: str) -> bool:
        """Whether it explains *line* in the answers to *request*, whichever the family."""
        return bool(
            re.search(self.request, f"{scenario}: {request}", re.DOTALL) and re.search(self.line, line, re.DOTALL)
        )


KNOWN: Final = (
    Known(
        "protobuf",
        DELIBERATE,
        "types without declared numbers have no protobuf here: JSON or 406 where the reference takes and gives it, or finds "
        "out after the write that it cannot",
        "negotiation",
        r"kubernetes\.protobuf",
    ),
    Known(
        "front end of profiles",
        DELIBERATE,
        "our page of profiles forbids scripts",
        "paths",
        r"/debug/pprof",
        r"^/headers/(content-security-policy|referrer-policy|content-type)",
    ),
    Known(
        "aliases of YAML",
        DELIBERATE,
        "refused, as bombs are made of them",
        "bodies",
        r"(YAML|yaml)",
        r"aliases are not accepted",
    ),
    Known(
        "compressed v3 documents",
        DELIBERATE,
        "the reference never compresses them",
        "negotiation",
        r"/openapi/v3.*Accept-Encoding",
        r"^/headers/(content-encoding|vary)",
    ),
    Known(
        "compressed metrics",
        DELIBERATE,
        "Vary is said, as caches need it",
        "negotiation",
        r"/metrics.*Accept-Encoding",
        r"^/headers/vary: unwanted",
    ),
    Known(
        "larger than etcd takes",
        DELIBERATE,
        "more than 1.5 MiB is 413 here; there the client of etcd refuses from 2 MiB on, with its own error and 500",
        "bodies",
        r"^bodies/size",
        r"^/status: .*(etcdserver|trying to send message larger|ResourceExhausted|413)",
    ),
    Known(
        "a test without a value",
        DELIBERATE,
        "of what is not there: the reference panics and closes the connection",
        "found",
        r'"op": "test", "path": "[^"]*"\}',
        r"RemoteDisconnected",
    ),
    Known(
        "types of Go",
        TO_BE_MENDED,
        "errors of decoding name a Go type (types.UID, v1.DeletionPropagation), ours say string",
        "bodies",
        r"POST|PUT|PATCH|DELETE",
        r"wanted .*cannot unmarshal .* of type [a-z0-9]+\.[A-Z]\w+.*, found .*cannot unmarshal .* of type string",
    ),
    Known(
        "a patch that removes apiVersion",
        TO_BE_MENDED,
        "decoded as an object of no version there, so that all of its fields are unknown; ours keeps the version",
        "patches",
        r'PATCH .*(apiVersion\\*": ?(null|\\*"\\*")|"remove", "path": "/apiVersion"|__internal)',
        r"^/(status|body|headers/warning)",
    ),
    Known(
        "a JSON patch that makes everything null",
        TO_BE_MENDED,
        "no change there, 422 here",
        "patches",
        r'"op": "replace", "path": "", "value": null',
    ),
    Known(
        "the version __internal",
        TO_BE_MENDED,
        "decoded there, with unknown fields; here not a version",
        "bodies",
        r"__internal",
        r"^/(status|body/message|headers/warning)",
    ),
    Known(
        "kind and apiVersion in another case",
        TO_BE_MENDED,
        "believed there where an object is decoded, as all fields are; here they are not seen",
        "bodies",
        r'\\?"(KIND|Kind|APIVERSION|Apiversion|apiversion|ApiVersion)\\?"',
        r"^/(status|body/message|headers/warning)",
    ),
    Known(
        "objects of another kind",
        TO_BE_MENDED,
        "kinds of every group (Status, DeleteOptions) are decoded there and then not converted; here not registered",
        "bodies",
        r"POST|PUT|PATCH|DELETE",
        r"wanted .*(unknown conversion|DeleteOptions in version|for version).*, found .*no kind .* is registered",
    ),
    Known(
        "directives of YAML",
        TO_BE_MENDED,
        "%YAML is not understood there",
        "bodies",
        r"YAML|yaml",
        r"YAML|yaml|found 2",
    ),
    Known(
        "depth of bodies",
        TO_BE_MENDED,
        "10,000 levels there; here the decoder ends at about 1,000",
        "bodies",
        r"^bodies/depth",
    ),
    Known(
        "escapes in a refused patch",
        TO_BE_MENDED,
        "the error quotes a merged object with the escapes that were sent there, with the characters here",
        "bodies",
        r"(merge|json)-patch\+json.*(ud800|[^\x00-\x7f])",
        r"^/body/message: wanted .*Invalid value.*\\\\u[0-9a-f]{4}",
    ),
    Known(
        "nulls in a refused strategic merge",
        TO_BE_MENDED,
        "the error quotes the patch without those that stand where a map was to be made",
        "found",
        r"strategic-merge-patch.*null",
        r"^/body/message: wanted .*Invalid value: ..?map\[.*, found .*<nil>",
    ),
    Known(
        "no UTF-8 in a path", TO_BE_MENDED, "shown as \\xff there, as U+FFFD here", "paths", r"/%ff", r"^/body/message"
    ),
    Known(
        "odd methods of metrics",
        TO_BE_MENDED,
        "OPTIONS, TRACE and others are 200 without a type there; nosniff on the answer to DELETE",
        "paths",
        r"/metrics",
        r"^/(headers/(x-content-type-options|content-type|process-start-time-unix)|status)",
    ),
    Known(
        "a wrong verbosity",
        TO_BE_MENDED,
        "the error names another function of Go, and the flag",
        "paths",
        r"PUT /debug/flags/v",
        r"^/(text|status)",
    ),
    Known(
        "numbers of 64 bits and more in strategic merges",
        TO_BE_MENDED,
        "floats there, which errors show as such; here they stay whole",
        "found",
        r"strategic-merge-patch",
        r"9\.223372036854776e\+18",
    ),
    Known(
        "times that are no text",
        TO_BE_MENDED,
        "in merged and applied objects the error does not name the field",
        "found",
        r"(strategic-merge|apply)-patch",
        r"into Go value of type string.*, found .*into Go struct field",
    ),
    Known(
        "owners given twice in another version",
        TO_BE_MENDED,
        "no managedFields in the answer to a dry run there",
        "patches",
        r"PATCH .*/v1alpha1/.*dryRun.*ownerReferences",
        r"^/body/metadata/managedFields: unwanted",
    ),
    Known(
        "revisions before the start",
        LUCK,
        "the reference's etcd is older than its server, which knows its history from its own start on",
        "queries",
        r"resourceVersion=1(&|$| )",
        r"too old resource version|^/(events|body)",
    ),
    Known(
        "bookmarks of short watches",
        LUCK,
        "whether one falls into a second depends on timers and on other writes",
        "watches",
        r"allowWatchBookmarks",
        r"^/events: \d+ items",
    ),
    Known(
        "faults of applied objects",
        LUCK,
        "the reference goes through maps in Go's random order and stops at the first unknown field of each",
        "apply",
        r"apply-patch",
        r"wanted .*failed to create typed patch object.*, found .*failed to create typed patch object",
    ),
)
