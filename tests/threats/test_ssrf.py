"""Requests that somebody has this server send where only this server can go (DNS rebinding, metadata services).

Whoever may write a webhook configuration chooses an address. Names are resolved once for a connection, every address is
looked at, and the one that was looked at is dialled.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from genericapiserver.admission.webhook import WebhookClients
from tests.support.webhook_server import webhook_server
from tests.support.webhooks import hook, passes, refused, validating


def resolving(*addresses: str) -> Any:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["::1"], ["fe80::1"], ["::ffff:127.0.0.1"], ["0.0.0.0"]],
    ids=lambda addresses: addresses[0],
)
async def test_names_that_lead_to_this_machine_or_its_link_are_not_dialled(addresses: list[str]) -> None:
    """A name server of the attacker's would otherwise reach what listens for this machine only."""
    async with webhook_server(dns=("rebind.example.com",)) as server:
        config = server.client_config(url=f"https://rebind.example.com:{server.port}/hook")
        clients = WebhookClients(resolve=resolving(*addresses))
        message = await refused(validating(hook("w.example.com", config), clients=clients))
        assert server.protocols == []
    assert "this address is not dialled for rebind.example.com" in message


async def test_link_local_addresses_are_not_dialled_even_if_the_url_says_so() -> None:
    config = {"url": "https://169.254.169.254/latest"}
    assert "this address is not dialled" in await refused(validating(hook("w.example.com", config)))


async def test_a_name_is_looked_up_once_for_a_connection() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    async with webhook_server(dns=("localhost",)) as server:
        config = server.client_config(url=f"https://localhost:{server.port}/hook")
        await passes(validating(hook("w.example.com", config), clients=WebhookClients(resolve=resolve)))
    assert len(server.asked) == 1
