"""/statusz: what runs here, in which version, and since when. Mirrors pkg/server/statusz of k8s.io/apiserver."""

import html
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from genericapiserver.component import EffectiveVersion
from genericapiserver.component.version import BuildInfo
from genericapiserver.mux import PathRecorderMux
from genericapiserver.routes.component_pages import ComponentPage, SendError, any_delimiter, heading
from genericapiserver.routes.metrics import process_start_time

_NO_DEBUGGING: Final = frozenset({"/apis", "/api", "/openid", "/openapi", "/.well-known"})


@attrs.frozen(kw_only=True)
class StatuszRegistry:
    """What the page tells. *started* is in seconds since 1970, *listed_paths* are all that the server lists."""

    version: EffectiveVersion
    listed_paths: Iterable[str] = ()
    started: float = attrs.field(factory=process_start_time)
    now: Callable[[], float] = time.time
    deprecated_versions: Collection[str] = ()

    @property
    def start_time(self) -> datetime:
        return datetime.fromtimestamp(int(self.started), UTC)

    @property
    def uptime(self) -> int:
        return max(0, int(self.now() - self.started))

    @property
    def paths(self) -> list[str]:
        """The first part of each listed path, but for those of APIs."""
        return sorted({f"/{first}" for path in self.listed_paths if (first := _first(path))} - _NO_DEBUGGING)


def install_statusz(mux: PathRecorderMux, component: str, registry: StatuszRegistry, *, send_error: SendError) -> None:
    """Serve the page of *component* in *mux*."""
    go_version = BuildInfo(major="", minor="", git_version="").go_version
    binary, emulated = str(registry.version.binary_version or ""), registry.version.emulation_version
    emulation = str(emulated or "")

    def document() -> Mapping[str, Any]:
        fields: dict[str, Any] = {
            "startTime": f"{registry.start_time:%Y-%m-%dT%H:%M:%SZ}",
            "uptimeSeconds": registry.uptime,
            "goVersion": go_version,
            "binaryVersion": binary,
        }
        if emulation:
            fields["emulationVersion"] = emulation
        fields["paths"] = registry.paths
        return fields

    def text() -> str:
        delimiter = any_delimiter()

        def line(name: str, value: str) -> str:
            return f"{name}{delimiter} {html.escape(value)}\n"

        seconds = registry.uptime
        return (
            heading(component, "statusz")
            + "\n"
            + line("Started", _unix_date(registry.start_time))
            + line("Up", f"{seconds // 3600} hr {seconds // 60 % 60:02d} min {seconds % 60:02d} sec")
            + line("Go version", go_version)
            + line("Binary version", binary)
            + (line("Emulation version", emulation) if emulation else "\n")
            + line("Paths", " ".join(registry.paths))
        )

    ComponentPage(
        kind="Statusz",
        component=component,
        text=text,
        object=document,
        send_error=send_error,
        negotiated_text_type=b"text/plain",
        deprecated_versions=registry.deprecated_versions,
    ).install(mux)


def _first(path: str) -> str:
    parts = path.split("/")
    return parts[1] if len(parts) > 1 else ""


def _unix_date(moment: datetime) -> str:
    """Go's time.UnixDate, whose day is padded with a blank."""
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S} UTC {moment.year}"
