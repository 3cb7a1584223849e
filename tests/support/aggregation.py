"""A front and servers behind it, each a process of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from genericapiserver.builder.pki import Authority
from tests.support.https_client import Headers, HTTPSClient, Response
from tests.support.server_process import eventually, free_port
from tests.support.standalone import WARDLE, Standalone, standalone

FRONT, COMMAND = "genericapiserver", "aggregator"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
NAMESPACE = "behind"


@attrs.frozen
class Behind:
    """A server behind a front: how it is started, again and again, at one address."""

    folder: Path
    name: str
    port: int
    front_proxy: Authority
    module: str = WARDLE
    flags: tuple[str, ...] = ()

    @contextlib.contextmanager
    def running(self) -> Iterator[Standalone]:
        """The server for the length of the block."""
        flags = (
            f"--requestheader-client-ca-file={self.front_proxy.files.certificate}",
            "--requestheader-allowed-names=front-proxy",
            *self.flags,
        )
        with standalone(self.folder / self.name / "data", self.port, *flags, module=self.module) as server:
            yield server


@attrs.frozen
class Front:
    """A running front."""

    server: Standalone
    front_proxy: Authority
    folder: Path
    ports: Mapping[str, int]

    def behind(self, name: str, *flags: str, module: str = WARDLE) -> Behind:
        """A server at the address where the front looks for the service *name*."""
        return Behind(self.folder, name, self.ports[name], self.front_proxy, module, flags)

    def register(self, name: str, service: str, **spec: Any) -> None:
        """Have the service answer for the APIService *name*, whatever certificate it shows unless *spec* says more."""
        version, _, group = name.partition(".")
        wanted = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "service": {"namespace": NAMESPACE, "name": service},
            **(spec or {"insecureSkipTLSVerify": True}),
        }
        body = {"metadata": {"name": name}, "spec": wanted}
        response = self.server.admin.request("POST", API_SERVICES, body)
        assert response.status == 201, response.body

    def condition(self, name: str) -> dict[str, Any]:
        """The condition Available of an APIService."""
        found = self.server.admin.get(f"{API_SERVICES}/{name}").json()
        conditions = found.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Available"), {})

    def touch(self, name: str) -> None:
        """Change an APIService in a way that means nothing, so that its server is looked at now."""
        path, merge = f"{API_SERVICES}/{name}", {"Content-Type": "application/merge-patch+json"}
        count = int(self.server.admin.get(path).json()["metadata"].get("annotations", {}).get("touched", 0))
        body = {"metadata": {"annotations": {"touched": str(count + 1)}}}
        assert self.server.admin.request("PATCH", path, body, merge).status == 200

    def until_available(self, name: str, status: str = "True") -> dict[str, Any]:
        """The condition of an APIService, once it has this status."""

        def found() -> dict[str, Any] | None:
            condition = self.condition(name)
            if condition.get("status") == status:
                return condition
            self.touch(name)
            return None

        return eventually(found, f"{name} available: {status}")


@contextlib.contextmanager
def front(folder: Path, *services: str, flags: tuple[str, ...] = ()) -> Iterator[Front]:
    """A front that knows where the *services* are, for the length of the block."""
    authority = Authority(folder / "front-proxy")
    pair = authority.client("front-proxy")
    ports = {name: free_port() for name in services}
    arguments = [
        f"--proxy-client-cert-file={pair.certificate}",
        f"--proxy-client-key-file={pair.key}",
        *(f"--service-endpoint={NAMESPACE}/{name}=127.0.0.1:{port}" for name, port in ports.items()),
        *flags,
    ]
    with standalone(folder / "front" / "data", free_port(), *arguments, module=FRONT, before=[COMMAND]) as server:
        yield Front(server, authority, folder, ports)


@attrs.frozen
class Through:
    """A front to which clients talk, with the metrics of the server behind, which knows when watches end."""

    front: Standalone
    behind: Standalone

    @property
    def kubeconfig(self) -> Path:
        return self.front.kubeconfig

    @property
    def admin(self) -> ThroughClient:
        return ThroughClient(self.front.admin, self.behind.admin)


@attrs.frozen
class ThroughClient:
    """Asks the front for everything but metrics."""

    front: HTTPSClient
    behind: HTTPSClient

    def get(self, path: str) -> Response:
        return (self.behind if path == "/metrics" else self.front).get(path)

    def request(self, method: str, path: str, body: Any = None, headers: Headers = ()) -> Response:
        return self.front.request(method, path, body, headers)
