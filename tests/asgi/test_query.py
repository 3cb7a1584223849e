import pytest

from genericapiserver.asgi import parse_query


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (b"", {}),
        (b"a=1", {"a": ["1"]}),
        (b"watch", {"watch": [""]}),
        (b"a=1&a=2&b=", {"a": ["1", "2"], "b": [""]}),
        (b"a=b+c%20d", {"a": ["b c d"]}),
        (b"a%3D=b%3Dc", {"a=": ["b=c"]}),
        (b"a=b=c", {"a": ["b=c"]}),
        (b"&&a=1&", {"a": ["1"]}),
        (b"bad=%zz&a=1", {"a": ["1"]}),
        (b"bad=%4&a=1", {"a": ["1"]}),
        (b"a;b=1&c=2", {"c": ["2"]}),
        (b"a=%ff", {"a": ["\ufffd"]}),
        ("a=ü".encode(), {"a": ["ü"]}),
    ],
)
def test_queries_are_read_as_go_reads_them(query: bytes, values: dict[str, list[str]]) -> None:
    assert parse_query(query) == values
