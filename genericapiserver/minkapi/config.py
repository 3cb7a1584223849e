"""What minkapi can be told, with the reference's defaults. Source: minkapi's api/minkapi/types.go."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.minkapi.kinds import KINDS, ServedKind

DEFAULT_WATCH_QUEUE_SIZE: Final = 100
DEFAULT_WATCH_TIMEOUT: Final = 300.0
DEFAULT_KUBE_CONFIG_PATH: Final = "/tmp/minkapi.yaml"  # noqa: S108  the reference's
DEFAULT_BASE_PREFIX: Final = "base"
DEFAULT_BIND_ADDRESS: Final = ":8091"
DEFAULT_SHUTDOWN_TIMEOUT: Final = 10.0

RESERVED_NAMES: Final = frozenset(
    {
        "api", "apis", "debug", "flagz", "healthz", "index.html", "livez", "logs", "metrics", "openapi", "readyz",
        "statusz", "trigger-gc", "version", "views",
    }
)  # fmt: skip
"""Paths of the server itself, which no view can have."""
_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,61}[A-Za-z0-9])?")


class ViewNameError(ValueError):
    """*name* cannot be the name of a view; *reserved* when it is the server's own."""

    def __init__(self, name: str, problem: str, *, reserved: bool = False) -> None:
        super().__init__(f'"{name}" cannot be the name of a view: {problem}')
        self.reserved = reserved


def check_view_name(name: str) -> None:
    """Raise ViewNameError unless *name* can be a segment of a path and part of the name of a file."""
    if name in RESERVED_NAMES:
        raise ViewNameError(name, "the server has pages there; choose another name", reserved=True)
    if not _NAME.fullmatch(name):
        raise ViewNameError(
            name, "use 1 to 63 letters, digits, '-', '_' and '.', with a letter or a digit at both ends"
        )


def _queue_size(given: int) -> int:
    return given or DEFAULT_WATCH_QUEUE_SIZE


def _timeout(given: float) -> float:
    return given or DEFAULT_WATCH_TIMEOUT


def _prefix(given: str) -> str:
    return given or DEFAULT_BASE_PREFIX


def _address(given: str) -> str:
    return given or DEFAULT_BIND_ADDRESS


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


@attrs.frozen(kw_only=True)
class WatchConfig:
    """Limits of watches over HTTP.

    *queue_size* is accepted for compatibility: watches here are positions in a history, not queues, so that a slow one
    neither holds up writers nor loses anything. *timeout* is how many seconds a watch goes on for which the client says
    nothing else; as in every API server here, up to twice as long, so that not all end at once. 0 is the default.
    """

    queue_size: int = attrs.field(default=0, converter=_queue_size)
    timeout: float = attrs.field(default=0.0, converter=_timeout)

    def __attrs_post_init__(self) -> None:
        if self.queue_size < 0 or self.timeout < 0:
            raise ValueError(f"a watch takes no negative numbers: {self}")


@attrs.frozen(kw_only=True)
class Config:
    """A server: where it is served and what. Empty values are the defaults.

    *bind_address* is `host:port`; without a host it is 127.0.0.1, because nobody is asked who he is, and `0.0.0.0` is
    every address. Port 0 takes a free one. *kube_config_path* is the kubeconfig of the base view, with those of the
    sandboxes beside it; None writes no files. *graceful_shutdown_timeout* in seconds. *kinds* are those that are served.
    """

    base_prefix: str = attrs.field(default="", converter=_prefix)
    bind_address: str = attrs.field(default="", converter=_address)
    kube_config_path: Path | None = attrs.field(default=Path(DEFAULT_KUBE_CONFIG_PATH), converter=_path)
    graceful_shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT
    profiling_enabled: bool = False
    watch_config: WatchConfig = attrs.field(factory=WatchConfig)
    kinds: Sequence[ServedKind] = KINDS

    def __attrs_post_init__(self) -> None:
        check_view_name(self.base_prefix)
        bind_host_port(self.bind_address)
        if self.graceful_shutdown_timeout < 0:
            raise ValueError(f"graceful_shutdown_timeout is in seconds from 0 on, not {self.graceful_shutdown_timeout}")


def bind_host_port(bind_address: str) -> tuple[str, int]:
    """Where to listen for `host:port`. Raises ValueError for what is no address."""
    host, separator, port = bind_address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not separator or not port.isdigit() or not 0 <= int(port) < 65536:
        raise ValueError(
            f'"{bind_address}" is no address to listen on: write host:port, such as 127.0.0.1:8091 or :8091'
        )
    return ("127.0.0.1" if host in ("", "localhost") else host), int(port)
