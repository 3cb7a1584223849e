from genericapiserver.asgi import Message, add_response_headers, send_plain_error, send_response


class Sent(list[Message]):
    async def __call__(self, message: Message) -> None:
        self.append(message)


async def test_a_plain_error_ends_in_one_newline_and_forbids_sniffing() -> None:
    sent = Sent()
    await send_plain_error(sent, 429, "Too many requests", [(b"retry-after", b"1")])
    start, body = sent
    assert start["status"] == 429
    assert start["headers"] == [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"18"),
        (b"x-content-type-options", b"nosniff"),
        (b"retry-after", b"1"),
    ]
    assert body["body"] == b"Too many requests\n"


async def test_added_headers_leave_those_of_the_handler_alone() -> None:
    sent = Sent()
    send = add_response_headers(sent, [(b"content-type", b"x"), (b"audit-id", b"1")])
    await send_response(send, 200, b"{}", b"application/json")
    assert sent[0]["headers"] == [
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"audit-id", b"1"),
    ]
