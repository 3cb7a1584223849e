"""A server of the demo API, fresh for every test."""

import pytest

from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer


@pytest.fixture
def server() -> DemoServer:
    return DemoServer()


@pytest.fixture
def client(server: DemoServer) -> ASGIClient:
    return server.client
