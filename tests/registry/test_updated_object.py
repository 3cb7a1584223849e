from typing import Any

import pytest

from genericapiserver.apimachinery.meta import Preconditions
from genericapiserver.registry.updated_object import DefaultUpdatedObjectInfo, WrappedUpdatedObjectInfo
from tests.registry.support import new_context, new_gadget

CONTEXT = new_context()


async def touch(context: Any, new: Any, old: Any) -> Any:
    new.spec.trail.append(old.metadata.name)
    return new


async def test_every_attempt_starts_from_an_untouched_copy() -> None:
    info = DefaultUpdatedObjectInfo(new_gadget(), touch, touch)
    for _ in range(2):
        made = await info.updated_object(CONTEXT, new_gadget("old"))
        assert made.spec.trail == ["old", "old"]


async def test_without_an_object_the_transformers_make_it() -> None:
    async def take_old(context: Any, new: Any, old: Any) -> Any:
        assert new is None
        return old

    info = DefaultUpdatedObjectInfo(None, take_old, touch)
    assert (await info.updated_object(CONTEXT, new_gadget("old"))).spec.trail == ["old"]
    assert info.preconditions() is None


async def test_the_first_error_stops() -> None:
    async def fail(context: Any, new: Any, old: Any) -> Any:
        raise ValueError("no")

    async def never(context: Any, new: Any, old: Any) -> Any:
        raise AssertionError("called")

    with pytest.raises(ValueError, match="no"):
        await DefaultUpdatedObjectInfo(new_gadget(), fail, never).updated_object(CONTEXT, new_gadget())


def test_a_uid_is_a_precondition() -> None:
    assert DefaultUpdatedObjectInfo(new_gadget()).preconditions() is None
    assert DefaultUpdatedObjectInfo(new_gadget(uid="u")).preconditions() == Preconditions(uid="u")


async def test_a_wrapped_update_goes_on_where_the_other_ends() -> None:
    async def end(context: Any, new: Any, old: Any) -> Any:
        new.spec.trail.append("end")
        return new

    info = WrappedUpdatedObjectInfo(DefaultUpdatedObjectInfo(new_gadget(uid="u"), touch), end)
    assert info.preconditions() == Preconditions(uid="u")
    assert (await info.updated_object(CONTEXT, new_gadget("old"))).spec.trail == ["old", "end"]
