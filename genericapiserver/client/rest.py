"""A client to another API server, as far as delegated decisions need one: JSON in, JSON out, over one connection pool.

No redirect is followed and no environment proxy is used: a TokenReview carries somebody's credentials (CVE-2022-3172).
"""

import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from genericapiserver.client.kubeconfig import ClientConfig


class UnreachableError(ConnectionError):
    """No answer came; the text is that of Go's net/http, `Post "https://...": <cause>`."""


def ssl_context(config: ClientConfig) -> ssl.SSLContext:
    """What *config* says about TLS. Raises ssl.SSLError or OSError for material that cannot be used."""
    context = ssl.create_default_context(cadata=config.ca_data.decode("ascii") if config.ca_data else None)
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_certificate_data:
        # ssl reads certificates from files only; the folder is this user's and gone at the end of the block
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "client.crt"), Path(folder, "client.key")
            certificate.write_bytes(config.client_certificate_data)
            key.touch(mode=0o600)
            key.write_bytes(config.client_key_data)
            context.load_cert_chain(certificate, key)
    return context


class RESTClient:
    """Sends requests to the server of *config*; `aclose` it at the end.

    *timeout* is in seconds and covers one whole exchange. Making the client opens no connection.
    """

    def __init__(self, config: ClientConfig, *, timeout: float = 10.0, user_agent: str = "genericapiserver") -> None:
        self._config = config
        auth = httpx.BasicAuth(config.username, config.password) if config.username else None
        self._client = httpx.AsyncClient(
            base_url=config.host,
            verify=ssl_context(config) if config.host.startswith("https:") else False,
            http2=True,
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            auth=auth,
            headers={"user-agent": user_agent, "accept": "application/json, */*"},
        )

    async def post(self, path: str, body: bytes, *, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """POST a JSON *body*; the status and body of the answer, whatever it says. Raises UnreachableError."""
        return await self._request("POST", path, body, query)

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """GET *path*; the status and body of the answer, whatever it says. Raises UnreachableError."""
        return await self._request("GET", path, None, query)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _request(
        self, method: str, path: str, body: bytes | None, query: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} if body is not None else {}
        if token := self._config.token():
            headers["authorization"] = f"Bearer {token}"
        extensions = {"sni_hostname": self._config.tls_server_name} if self._config.tls_server_name else None
        request = self._client.build_request(
            method, path, content=body, headers=headers, params=query, extensions=extensions
        )
        try:
            response = await self._client.send(request)
        except httpx.HTTPError as error:
            verb = method.capitalize()
            raise UnreachableError(f'{verb} "{request.url}": {error or type(error).__name__}') from error
        return response.status_code, response.content
