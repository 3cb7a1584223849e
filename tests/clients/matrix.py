"""The table of what each client was seen to do, kept in docs/clients.md."""

from collections.abc import Iterable
from pathlib import Path

import attrs

ACTIONS = ("create", "list", "watch", "restart", "expiry", "patch", "apply", "delete")
NEVER = "–"
CORE = "--serve-core"

HEADER = """# Clients

Which clients of Kubernetes were seen to work with a server, and what each of them did. Written by `make clients`, which runs
every client in `tests/clients` against the wardle sample server in a process of its own.

- *needs*: a flag of the server that the client cannot do without.
- *restart*: the server ended the watch twice, and the client went on without missing an event or seeing one twice.
- *expiry*: the client learns that the version it wants to watch from is gone.
- *apply*: server-side apply, with the refusal of what is another manager's.
- A dash: the client does not do it, or not in a way that a test could see.

"""

FOOTER = """
kopf ends without `/api`, and waits for namespaces and events; what it creates is an event, what it deletes is what it held
by its finalizer. kr8s looks every kind up at `/api` first, and leaves it to its user to begin a watch anew. Version 2 of
@kubernetes/client-node needs Node.js 22.

All of them do the same through an aggregating server, and so does the informer of the kubernetes client
(`tests/clients/test_through_aggregator.py`).

The server speaks JSON and YAML. Typed clients of Kubernetes' own groups send protobuf, as `kubectl create namespace` and
`kubectl auth` do: that is read there, and answered in JSON.

OpenAPI is there in protobuf, too. kubectl asks for `/openapi/v2` in nothing else where v3 does not describe what it is about
to send: for a `kind: List`, which `kubectl get -o yaml` prints, for what can only be read, for `kubectl explain
--output=plaintext-openapiv2`. A List needs the group `v1`, as kubectl looks for kinds where it finds groups: without
`--serve-core`, or another server that has it behind the same front, kubectl says `no matches for kind "List" in version
"v1"`, and manifests are to be separate documents (`---`).
"""


@attrs.define
class Row:
    """One client."""

    client: str
    version: str
    needs: str = ""
    leaves_out: frozenset[str] = frozenset()
    done: set[str] = attrs.field(factory=set)

    def passed(self, action: str) -> None:
        assert action in ACTIONS
        self.done.add(action)

    def cells(self) -> list[str]:
        needs = f"`{self.needs}`" if self.needs else ""
        return [self.client, self.version, needs, *(self._cell(action) for action in ACTIONS)]

    def _cell(self, action: str) -> str:
        if action in self.leaves_out:
            return NEVER
        return "yes" if action in self.done else "**no**"


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write the table, one row for each client, by name."""
    lines = [["client", "version", "needs", *ACTIONS], ["---"] * (3 + len(ACTIONS))]
    lines += [row.cells() for row in sorted(rows, key=lambda row: row.client)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    path.write_text(HEADER + table + FOOTER, encoding="utf-8")
