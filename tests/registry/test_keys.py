import pytest

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.registry.generic.keys import ClusterScopedKeys, NamespacedKeys

NAMESPACED = NamespacedKeys("/g/things")
CLUSTER = ClusterScopedKeys("/g/things")


def test_keys_have_no_trailing_slash() -> None:
    assert NAMESPACED.root("") == "/g/things"
    assert NAMESPACED.root("ns") == "/g/things/ns"
    assert NAMESPACED.item("ns", "a") == "/g/things/ns/a"
    assert CLUSTER.root("ns") == "/g/things"
    assert CLUSTER.item("ns", "a") == "/g/things/a"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "Name parameter required."),
        (".", "Name parameter invalid: \".\": may not be '.'"),
        ("..", "Name parameter invalid: \"..\": may not be '..'"),
        ("a/b", "Name parameter invalid: \"a/b\": may not contain '/'"),
        ("a%/b", "Name parameter invalid: \"a%/b\": may not contain '/';may not contain '%'"),
    ],
)
def test_a_name_is_one_segment(name: str, text: str) -> None:
    for keys in (NAMESPACED, CLUSTER):
        with pytest.raises(BadRequestError) as raised:
            keys.item("ns", name)
        assert str(raised.value) == text


def test_an_item_of_a_namespaced_resource_needs_a_namespace() -> None:
    with pytest.raises(BadRequestError, match=r"^Namespace parameter required.$"):
        NAMESPACED.item("", "a")


@pytest.mark.parametrize("namespace", [".", "..", "a/b", "a%2fb"])
def test_a_namespace_is_one_segment(namespace: str) -> None:
    with pytest.raises(BadRequestError, match="Namespace parameter invalid: "):
        NAMESPACED.item(namespace, "a")
    with pytest.raises(BadRequestError, match="Namespace parameter invalid: "):
        NAMESPACED.root(namespace)
