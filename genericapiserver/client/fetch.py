"""Fetching small documents from servers that are trusted with little: the issuers of tokens.

What they may cost is bounded: one deadline for the whole exchange, and a limit for the body, which is held back at the
first byte too much. As everywhere here, no redirect is followed, no proxy of the environment is used, and addresses have
to begin with https.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx

from genericapiserver.client.kubeconfig import ClientConfig
from genericapiserver.client.rest import ssl_context
from genericapiserver.tracing import outgoing

FETCH_TIMEOUT: Final = 30.0
"""Seconds for a whole exchange; each step of it (a handshake, the next bytes) gets a third."""

MAX_DOCUMENT_BYTES: Final = 1 << 20


class FetchError(Exception):
    """There is no document; the message names the address and says why. It has nothing of the request but that."""


class DocumentFetcher:
    """Gets documents over HTTPS, trusting *ca_data* (PEM), or the system's roots when it is empty.

    `aclose` it at the end. Raises ssl.SSLError for certificates that are none.
    """

    def __init__(
        self, ca_data: bytes = b"", *, timeout: float = FETCH_TIMEOUT, max_bytes: int = MAX_DOCUMENT_BYTES
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            verify=ssl_context(ClientConfig(host="", ca_data=ca_data)),
            timeout=timeout / 3,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "genericapiserver", "accept-encoding": "identity"},
        )

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the document at *url*. Raises FetchError for anything but a 200 of bearable size, in time."""
        if not url.startswith("https://"):
            raise FetchError(f'Get "{url}": the address must begin with https://')
        if self._client.is_closed:
            raise FetchError(f'Get "{url}": the client is closed')
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(url, headers)
        except TimeoutError:
            raise FetchError(f'Get "{url}": no complete answer within {self._timeout:g} s') from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Not `from error`: the request hangs on it, with its headers.
            raise FetchError(f'Get "{url}": {error or type(error).__name__}') from None

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _get(self, url: str, headers: Mapping[str, str] | None) -> bytes:
        with outgoing("GET", httpx.URL(url).host) as tracing:
            return await self._read(url, {**(headers or {}), **tracing})

    async def _read(self, url: str, headers: Mapping[str, str]) -> bytes:
        async with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                raise FetchError(f'Get "{url}": {response.status_code} {response.reason_phrase}'.rstrip())
            body = bytearray()
            async for chunk in response.aiter_raw():  # what was compressed unasked could unfold to any size
                body += chunk
                if len(body) > self._max_bytes:
                    raise FetchError(f'Get "{url}": the answer is longer than {self._max_bytes} bytes')
            return bytes(body)
