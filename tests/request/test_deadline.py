import pytest

from genericapiserver.request.deadline import InvalidTimeoutError, requested_timeout


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", 60),
        ("timeout=", 60),
        ("timeout=0s", 60),
        ("timeout=0", 60),
        ("timeout=-1s", 60),
        ("timeout=61s", 60),
        ("timeout=15s", 15),
        ("timeout=%2B1s", 1),
        ("timeout=1.5s", 1.5),
        ("%74imeout=15s", 15),
        ("timeout=15s&timeout=foo", 15),
        ("timeoutSeconds=5", 60),
    ],
)
def test_the_query_may_shorten_the_time(query: str, seconds: float) -> None:
    assert requested_timeout(query.encode(), 60) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("foo", 'time: invalid duration "foo"'),
        ("10", 'time: missing unit in duration "10"'),
        ("10S", 'time: unknown unit "S" in duration "10S"'),
    ],
)
def test_a_bad_duration_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidTimeoutError) as caught:
        requested_timeout(f"timeout={text}".encode(), 60)
    assert str(caught.value) == f"invalid timeout specified in the request URL - {problem}"
