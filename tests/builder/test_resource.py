from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.__main__ import main
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.builder import Resource
from genericapiserver.builder.program import ResourceServerOptions
from genericapiserver.config import RecommendedConfig
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.server import GenericAPIServer
from tests.support.asgi_client import ASGIClient

NOTES = "/apis/fridge.example.com/v1/namespaces/home/notes"


@api_type
class NoteSpec:
    """What a note says."""

    text: str = field(default="", doc="The text of the note.")


@api_type
class Note(Object):
    """A note on the fridge."""

    spec: NoteSpec = field(factory=NoteSpec)


@api_type
class Fridge(Object):
    """What notes hang on."""


def note(name: str, text: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"text": text}}


@pytest.fixture
async def client() -> AsyncIterator[ASGIClient]:
    """A server with two resources in memory, without a socket, where everybody may do everything."""
    resources = [
        Resource(Note, group="fridge.example.com", version="v1", short_names=["no"]),
        Resource(Fridge, group="fridge.example.com", version="v1", namespaced=False),
    ]
    options = ResourceServerOptions(resources, name="notes")
    recommended: RecommendedOptions = options.recommended
    assert recommended.storage is not None
    recommended.storage.backend = "memory"
    config = RecommendedConfig(
        effective_version=options.version,
        external_address="localhost:443",
        loopback_client_config=LoopbackClientConfig(host="https://localhost"),
    )
    await recommended.storage.apply_to(config)
    server: GenericAPIServer = config.complete().new("notes")
    server.install_api_groups(*options.api_groups(config))
    yield ASGIClient(server)
    await server.aclose()


async def test_one_declaration_is_a_resource_with_every_verb(client: ASGIClient) -> None:
    response = await client.request("GET", "/apis/fridge.example.com/v1")
    fridges, notes = response.json()["resources"]
    assert (notes["name"], notes["singularName"], notes["kind"]) == ("notes", "note", "Note")
    assert (notes["namespaced"], fridges["namespaced"]) == (True, False)
    assert notes["shortNames"] == ["no"]
    assert notes["verbs"] == ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


async def test_the_generation_grows_with_the_spec_alone(client: ASGIClient) -> None:
    created = (await client.request("POST", NOTES, body=note("milk", "buy"))).json()
    assert created["metadata"]["generation"] == 1
    patches = {"metadata": {"labels": {"a": "b"}}}, {"spec": {"text": "bought"}}
    generations = []
    for patch in patches:
        response = await client.request(
            "PATCH", f"{NOTES}/milk", body=patch, headers={"content-type": "application/merge-patch+json"}
        )
        generations.append(response.json()["metadata"]["generation"])
    assert generations == [1, 2]


async def test_names_are_dns_names(client: ASGIClient) -> None:
    response = await client.request("POST", NOTES, body=note("Not_A_Name"))
    assert response.status == 422
    assert "a lowercase RFC 1123 subdomain must consist of" in response.json()["message"]


async def test_an_update_needs_no_resource_version(client: ASGIClient) -> None:
    await client.request("POST", NOTES, body=note("eggs"))
    response = await client.request("PUT", f"{NOTES}/eggs", body=note("eggs", "six"))
    assert (response.status, response.json()["spec"]) == (200, {"text": "six"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"group": "fridge", "version": "v1"}, "is a domain name such as fridge.example.com"),
        ({"group": "a.example.com", "version": "v1", "plural": "My-Notes"}, "named in lower-case letters and digits"),
    ],
)
def test_a_bad_name_is_refused_at_once(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resource(Note, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "Usage: genericapiserver serve FILE.py"),
        (["serve"], 2, "Usage: genericapiserver serve FILE.py"),
        (["serve", "/nope.py"], 1, "Error: /nope.py: no such file"),
        (["serve", "{empty}"], 1, "defines no Resource: assign one to a name"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], status: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.py"
    empty.write_text("")
    assert main([argument.format(empty=empty) for argument in arguments]) == status
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""
