"""What tests of servers share: a configuration without storage, a port of its own, and a record of what happened."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx

from genericapiserver.aio import Signal
from genericapiserver.certificates import StaticCertKeyContent, generate_self_signed
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config
from genericapiserver.connection import create_listener
from genericapiserver.lifecycle import LifecycleSignals
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.secure_serving import SecureServingInfo
from genericapiserver.server import GenericAPIServer

PAIR = generate_self_signed("localhost", ["127.0.0.1"])


def new_config(**settings: Any) -> Config:
    """The configuration of a server that listens nowhere; it is called as an ASGI application."""
    return Config(
        **{
            "effective_version": EffectiveVersion.parse("1.2"),
            "external_address": "localhost:443",
            "loopback_client_config": LoopbackClientConfig(host="https://localhost:443", bearer_token="loopback"),
            **settings,
        }
    )


def new_server(name: str = "test", **settings: Any) -> GenericAPIServer:
    return new_config(**settings).complete().new(name)


def serving_info() -> SecureServingInfo:
    """HTTPS on a free port of 127.0.0.1. The server that it is for closes the listener."""
    return SecureServingInfo(
        listener=create_listener("127.0.0.1", 0),
        cert=StaticCertKeyContent("test", PAIR.certificate_pem, PAIR.private_key_pem),
    )


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=PAIR.certificate_pem.decode())


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int], *, http2: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose connections stay open until the block ends."""
    host, port = address
    async with httpx.AsyncClient(
        base_url=f"https://{host}:{port}", verify=client_context(), http2=http2, http1=not http2, timeout=10
    ) as client:
        yield client


def record(signals: LifecycleSignals) -> list[str]:
    """The names of the signals in the order in which they fire, from now on."""
    fired: list[str] = []

    def note(name: str) -> None:
        getattr(signals, name).on_set(lambda: fired.append(name))

    for field in attrs.fields(LifecycleSignals):
        if isinstance(getattr(signals, field.name), Signal):
            note(field.name)
    return fired
