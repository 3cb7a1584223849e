from typing import Any

import pytest

from genericapiserver.admission import (
    AdmissionChain,
    Attributes,
    MutatingPlugin,
    Operation,
    ValidatingPlugin,
    mutating_plugin,
    new_forbidden,
    validating_plugin,
)
from genericapiserver.apimachinery.errors import ForbiddenError, InternalError
from genericapiserver.apimachinery.meta import ObjectMeta
from tests.admission.support import new_attributes, new_gadget
from tests.support.demo_api import V1, new_scheme
from tests.support.demo_api import Gadget as DemoGadget


@validating_plugin(Operation.CREATE, resources=["gadgets"])
async def no_banned_names(attributes: Attributes) -> None:
    """Refuses one name."""
    if attributes.name == "banned":
        raise new_forbidden(attributes, "this name may not be used")


@mutating_plugin()
def label(attributes: Attributes) -> None:
    attributes.object.metadata.labels["seen"] = attributes.operation.value


async def test_a_function_judges() -> None:
    chain = AdmissionChain([no_banned_names])
    await chain.validate(new_attributes())
    with pytest.raises(ForbiddenError, match='"banned" is forbidden: this name may not be used'):
        await chain.validate(new_attributes(name="banned"))
    await chain.validate(new_attributes(Operation.UPDATE, name="banned"))


async def test_other_resources_are_let_through() -> None:
    @validating_plugin(resources=["others"])
    def never(attributes: Attributes) -> None:
        raise AssertionError("called")

    await AdmissionChain([never]).validate(new_attributes())


async def test_a_function_changes_the_object_and_need_not_be_async() -> None:
    attributes = new_attributes(Operation.UPDATE, object=new_gadget())
    await AdmissionChain([label]).admit(attributes)
    assert attributes.object.metadata.labels == {"seen": "UPDATE"}


def test_it_is_a_plugin_of_one_sort_named_after_its_function() -> None:
    assert isinstance(no_banned_names, ValidatingPlugin)
    assert not isinstance(no_banned_names, MutatingPlugin)
    assert isinstance(label, MutatingPlugin)
    assert not isinstance(label, ValidatingPlugin)
    assert (no_banned_names.name, no_banned_names.__doc__) == ("no_banned_names", "Refuses one name.")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda gadget: setattr(gadget.metadata, "labels", {"a": 1}), "cannot unmarshal number"),
        (lambda gadget: setattr(gadget.metadata, "name", object()), ""),
        (None, "there is none"),
    ],
    ids=["number for a text", "no JSON", "nothing"],
)
async def test_an_object_that_could_not_be_read_again_is_refused(change: Any, problem: str) -> None:
    @mutating_plugin()
    def spoil(attributes: Attributes) -> None:
        if change is None:
            attributes.object = None
        else:
            change(attributes.object)

    gadget = DemoGadget(metadata=ObjectMeta(name="a"))
    attributes = new_attributes(object=gadget, scheme=new_scheme(), kind=V1.with_kind("Gadget"))
    with pytest.raises(
        InternalError, match=f"admission plugin spoil made an object that cannot be stored: .*{problem}"
    ):
        await AdmissionChain([spoil]).admit(attributes)


def test_a_plugin_that_would_look_at_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'create' is not a valid Operation"):
        validating_plugin("create")(lambda attributes: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="write the decorator of an admission plugin with parentheses"):
        validating_plugin(lambda attributes: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has to be a list of names, not a string"):
        validating_plugin(resources="gadgets")(lambda attributes: None)
