from typing import Any

import pytest

from genericapiserver.admission import new_forbidden, new_not_found
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.meta import Object, ObjectMeta, Status
from genericapiserver.apimachinery.schema import GroupResource
from tests.admission.support import new_attributes, new_gadget

TEXT = "this name may not be used, please change the resource name"


def test_a_denial_names_the_object() -> None:
    error = new_forbidden(new_attributes(name="banned"), TEXT)
    assert str(error) == f'gadgets.things.example.com "banned" is forbidden: {TEXT}'
    assert (error.code, error.reason) == (403, "Forbidden")
    assert error.details is not None
    assert (error.details.name, error.details.group, error.details.kind) == ("banned", "things.example.com", "gadgets")


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(new_gadget("x"), "x", id="its name"),
        pytest.param(Object(metadata=ObjectMeta(generate_name="x-")), "x-", id="what it is generated from"),
        pytest.param(Object(), "Unknown", id="neither"),
        pytest.param(None, "Unknown", id="no object"),
        pytest.param(Status(), "Unknown/errorGettingName", id="no object metadata"),
        pytest.param(object(), "Unknown/errorGettingName", id="no metadata"),
    ],
)
def test_without_a_name_in_the_request_the_object_is_asked(obj: Any, expected: str) -> None:
    assert f'"{expected}" is forbidden' in str(new_forbidden(new_attributes(name="", object=obj), "no"))
    assert (
        str(new_not_found(new_attributes(name="", object=obj))) == f'gadgets.things.example.com "{expected}" not found'
    )


def test_what_is_forbidden_already_is_not_wrapped_again() -> None:
    inner = ForbiddenError(GroupResource("", "pods"), "p", "quota")
    assert new_forbidden(new_attributes(), inner) is inner


def test_any_exception_may_be_the_reason() -> None:
    assert str(new_forbidden(new_attributes(), ValueError("too big"))).endswith(' "a" is forbidden: too big')
