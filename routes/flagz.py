"""/flagz: the flags that the server was started with. Mirrors pkg/server/flagz of k8s.io/apiserver."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from genericapiserver.mux import PathRecorderMux
from genericapiserver.routes.component_pages import ComponentPage, SendError, any_delimiter, heading

FlagReader: TypeAlias = Callable[[], Mapping[str, str]]
"""Every flag and its value as text, those that nobody is to see replaced."""


def install_flagz(
    mux: PathRecorderMux,
    component: str,
    flags: FlagReader,
    *,
    send_error: SendError,
    deprecated_versions: Collection[str] = (),
) -> None:
    """Serve the page of *component* in *mux*. The text is written once and stays, as in the reference; JSON is live."""
    written = ""

    def text() -> str:
        nonlocal written
        if not written:
            delimiter = any_delimiter()
            lines = "".join(f"{name}{delimiter}{value}\n" for name, value in sorted(flags().items()))
            written = f"{heading(component, 'flagz')}\n{lines}"
        return written

    ComponentPage(
        kind="Flagz",
        component=component,
        text=text,
        object=lambda: {"flags": dict(sorted(flags().items()))},
        send_error=send_error,
        negotiated_text_type=b"text/plain; charset=utf-8",
        deprecated_versions=deprecated_versions,
    ).install(mux)
