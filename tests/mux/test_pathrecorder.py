import logging

import pytest

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.mux import PathRecorderMux
from tests.support.asgi_client import ASGIClient


def saying(text: str) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, text)

    return handler


async def answer(mux: PathRecorderMux, path: str, method: str = "GET") -> str:
    response = await ASGIClient(mux).request(method, path)
    return response.text if response.status == 200 else str(response.status)


async def test_an_unlisted_path_is_served_and_not_listed() -> None:
    mux = PathRecorderMux("test")
    mux.handle("/secret", saying("secret"), listed=False)
    mux.handle("/swagger", saying("swagger"))
    assert mux.listed_paths == ["/swagger"]
    assert await answer(mux, "/secret") == "secret"
    assert await answer(mux, "/swagger", "DELETE") == "swagger"


async def test_an_unregistered_path_is_gone_and_may_come_back() -> None:
    mux = PathRecorderMux("test")
    mux.handle("/a", saying("one"))
    mux.handle_prefix("/b/", saying("b"))
    mux.unregister("/a")
    mux.unregister("/b/")
    mux.unregister("/never")
    assert mux.listed_paths == []
    assert await answer(mux, "/a") == "404"
    assert await answer(mux, "/b/c") == "404"
    mux.handle("/a", saying("two"))
    assert mux.listed_paths == ["/a"]
    assert await answer(mux, "/a") == "two"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/publicPrefix", "404"),
        ("/publicPrefix/", "prefix"),
        ("/publicPrefix/anything", "prefix"),
        ("/publicPrefix/but-more-precise", "prefix"),
        ("/publicPrefix/but-more-precise/", "precise"),
        ("/publicPrefix/but-more-precise/more", "precise"),
        ("/publicPrefix/exactmatch", "exact"),
        ("/publicPrefix/exactmatch/", "prefix"),
        ("/otherPublic/exactmatchslash", "404"),
        ("/otherPublic/exactmatchslash/", "slash"),
        ("/PUBLICPREFIX/", "404"),
        ("//publicPrefix/", "404"),
    ],
)
async def test_the_most_precise_match_wins(path: str, expected: str) -> None:
    mux = PathRecorderMux("test")
    mux.handle_prefix("/publicPrefix/", saying("prefix"))
    mux.handle_prefix("/publicPrefix/but-more-precise/", saying("precise"))
    mux.handle("/publicPrefix/exactmatch", saying("exact"))
    mux.handle("/otherPublic/exactmatchslash/", saying("slash"))
    assert await answer(mux, path) == expected


def test_a_prefix_ends_in_a_slash() -> None:
    with pytest.raises(ValueError, match='"/a" must end in a trailing slash'):
        PathRecorderMux("test").handle_prefix("/a", saying("a"))


async def test_a_duplicate_replaces_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    mux = PathRecorderMux("test")
    mux.handle("/a", saying("one"))
    with caplog.at_level(logging.ERROR):
        mux.handle("/a", saying("two"))
    assert 'duplicate path registration of "/a": original registration from ' in caplog.text
    assert "new registration from " in caplog.text
    assert caplog.text.count('mux.handle("/a", saying(') == 2
    assert mux.listed_paths == ["/a", "/a"]
    assert await answer(mux, "/a") == "two"


async def test_what_is_not_found_is_a_plain_404() -> None:
    response = await ASGIClient(PathRecorderMux("test")).get("/nope")
    assert (response.status, response.text) == (404, "404 page not found\n")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_another_handler_may_answer_what_is_not_found() -> None:
    mux = PathRecorderMux("test")
    mux.not_found_handler = saying("elsewhere")
    assert await answer(mux, "/nope") == "elsewhere"
