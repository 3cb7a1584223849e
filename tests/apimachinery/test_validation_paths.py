import pytest

from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.validation.paths import domain_prefixed_path

FORM = 'must be a domain-prefixed path (such as "acme.io/foo")'


@pytest.mark.parametrize("value", ["acme.io/foo", "a/b", "acme.io/foo/bar", "acme.io/Foo%2f._~!$&'()*+,;=:", "a.b-c/-"])
def test_a_domain_and_a_path(value: str) -> None:
    assert domain_prefixed_path(Path("p"), value) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "p: Required value"),
        ("acme.io", f'p: Invalid value: "acme.io": {FORM}'),
        ("acme.io/", f'p: Invalid value: "acme.io/": {FORM}'),
        ("/foo", f'p: Invalid value: "/foo": {FORM}'),
        ("Acme.io/foo", 'p: Invalid value: "Acme.io": a lowercase RFC 1123 subdomain must consist of'),
        ("acme.io/a b", 'p: Invalid value: "a b": Invalid path (regex used for validation is '),
        ("acme.io/a\n", 'p: Invalid value: "a\\n": Invalid path (regex used for validation is '),
    ],
)
def test_what_is_none_is_named(value: str, text: str) -> None:
    (error,) = domain_prefixed_path(Path("p"), value)
    assert str(error).startswith(text)


def test_both_parts_may_be_wrong() -> None:
    assert len(domain_prefixed_path(Path("p"), "_/?")) == 2
