"""How a server calls itself: a privileged client identity that no certificate file and no network policy can break.

Source: pkg/server/config_selfclient.go of k8s.io/apiserver.
"""

import attrs

LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE = "apiserver-loopback-client"
"""The name the loopback certificate is made for; sent as SNI it selects that certificate."""


@attrs.frozen(kw_only=True)
class LoopbackClientConfig:
    """What a client needs to reach this very server as `system:apiserver`.

    `host` is a URL such as `https://127.0.0.1:6443`; `ca_data` is the PEM bundle that signed the loopback certificate;
    the client sends and verifies `tls_server_name`. A server that listens on unix sockets only is reached through
    `unix_socket`, a path; httpx and curl call that `uds` and `--unix-socket`.
    """

    host: str
    ca_data: bytes = b""
    bearer_token: str = attrs.field(default="", repr=False)
    tls_server_name: str = ""
    unix_socket: str = ""
