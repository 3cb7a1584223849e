"""Code of a resource's own around the store's writes, for what a strategy cannot do because it may have to wait.

A Begin hook is an async context manager around the work: entering may allocate or refuse, leaving normally commits,
leaving by an exception gives back. It must let the exception pass.

    @asynccontextmanager
    async def begin_create(context, obj, options):
        address = await pool.take()
        obj.spec.address = address
        try:
            yield
        except BaseException:
            pool.give_back(address)
            raise

    create   begin_create entered -> the object is made ready, validated and written -> begin_create left ->
    after_create update   per attempt: begin_update entered -> made ready and validated -> begin_update left; then the
    write, which may lose its race and start another attempt; at the end after_update delete   after_delete, when the
    object is gone or found on its way out

An update that creates runs begin_create inside its attempt. Go: pkg/registry/generic/registry/store.go.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import attrs

from genericapiserver.apimachinery.meta import CreateOptions, DeleteOptions, UpdateOptions
from genericapiserver.request.context import RequestContext

BeginCreate: TypeAlias = Callable[[RequestContext, Any, CreateOptions], AbstractAsyncContextManager[None]]
"""`begin_create(context, obj, options)`, before the strategy prepares *obj*; may change it."""

BeginUpdate: TypeAlias = Callable[[RequestContext, Any, Any, UpdateOptions], AbstractAsyncContextManager[None]]
"""`begin_update(context, obj, old, options)`, before the strategy prepares *obj*; may change it."""

AfterCreate: TypeAlias = Callable[[RequestContext, Any, CreateOptions], Awaitable[None]]
"""`await after_create(context, obj, options)` with the object as it was stored, not to be changed."""

AfterUpdate: TypeAlias = Callable[[RequestContext, Any, UpdateOptions], Awaitable[None]]

AfterDelete: TypeAlias = Callable[[RequestContext, Any, DeleteOptions], Awaitable[None]]
"""`await after_delete(context, obj, options)` with the last state that was seen."""


@attrs.frozen(kw_only=True)
class Hooks:
    """The hooks of one store; None for what is not needed."""

    begin_create: BeginCreate | None = None
    after_create: AfterCreate | None = None
    begin_update: BeginUpdate | None = None
    after_update: AfterUpdate | None = None
    after_delete: AfterDelete | None = None
