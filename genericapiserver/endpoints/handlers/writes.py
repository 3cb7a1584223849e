"""What create, update and patch have in common: admission attributes, managed fields, the size rule."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from genericapiserver.admission import Attributes, Operation
from genericapiserver.admission.closures import create_validation, update_validation
from genericapiserver.apimachinery.errors import InternalError, RequestEntityTooLargeError
from genericapiserver.apimachinery.managedfields.field_manager import manager_from
from genericapiserver.apimachinery.managedfields.managers import validate_managed_fields
from genericapiserver.apimachinery.meta import CreateOptions, ObjectMeta, UpdateOptions
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.handlers.names import admission_namespace
from genericapiserver.endpoints.handlers.owner_references import dedup_owner_references
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import ValidateObject, ValidateObjectUpdate
from genericapiserver.request.context import RequestContext

_MANAGED_FIELDS_WARNING = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating "
    "admission controller; please fix your requests: {error}"
)


@attrs.define(eq=False, kw_only=True)
class Write:
    """One write on its way: the facts that its steps share."""

    request: APIRequest
    scope: RequestScope
    namespace: str
    name: str
    manager: str
    options: Any
    """CreateOptions or UpdateOptions; those of a patch are turned into one of them."""
    tracks_fields: bool = True
    """Cleared when an object turned out to be too large with its managed fields."""

    @classmethod
    def of(cls, request: APIRequest, scope: RequestScope, namespace: str, name: str, options: Any) -> "Write":
        """The write that *request* asks for. Who manages the fields is what *options* say, or the client's own name."""
        manager = manager_from(options.field_manager, request.user_agent.decode("utf-8", "surrogateescape"))
        return cls(request=request, scope=scope, namespace=namespace, name=name, manager=manager, options=options)

    @property
    def context(self) -> RequestContext:
        return self.request.context

    def attributes(self, operation: Operation, *, obj: Any = None, old: Any = None) -> Attributes:
        """What admission is told."""
        scope = self.scope
        options = self.options
        if operation is Operation.CREATE and isinstance(options, UpdateOptions):
            options = create_options_of(options)
        return Attributes(
            context=self.context,
            operation=operation,
            kind=scope.kind,
            resource=scope.resource,
            subresource=scope.subresource,
            namespace=admission_namespace(scope, self.namespace, self.name),
            name=self.name,
            options=options,
            dry_run=bool(options.dry_run),
            object=obj,
            old_object=old,
            user=self.context.user,
            scheme=scope.scheme,
            equivalents=scope.equivalents,
        )

    def track_fields(self, live: Any, obj: Any) -> Any:
        """*obj* with the managed fields that changing *live* (None: nothing) into it leads to."""
        manager = self.scope.field_manager
        if manager is None or not isinstance(getattr(obj, "metadata", None), ObjectMeta):
            return obj
        if not self.tracks_fields:
            obj.metadata.managed_fields = None
            return obj
        return manager.update(live, obj, self.manager)

    async def admit(self, operation: Operation, obj: Any, old: Any) -> Any:
        """The object as the mutating plugins leave it, with the damage they may do to managed fields undone."""
        admission = self.scope.admission
        if admission is None:
            return obj
        if not admission.mutates(operation):
            admission.pass_by("admit", operation)
        else:
            metadata = getattr(obj, "metadata", None)
            before = metadata.managed_fields if isinstance(metadata, ObjectMeta) else None
            attributes = self.attributes(operation, obj=obj, old=old)
            await admission.admit(attributes)
            obj = attributes.object
            metadata = getattr(obj, "metadata", None)
            if isinstance(metadata, ObjectMeta) and metadata.managed_fields is not before:
                try:
                    validate_managed_fields(metadata.managed_fields)
                except ValueError as error:
                    metadata.managed_fields = before
                    self.context.add_warning(_MANAGED_FIELDS_WARNING.format(error=error))
        return obj

    def dedup_owners(self, obj: Any, *, after_admission: bool) -> None:
        dedup_owner_references(self.context, obj, after_admission=after_admission)

    def validate_create(self) -> ValidateObject | None:
        """Validating admission for a create."""
        return create_validation(self.scope.admission, self.attributes(Operation.CREATE))

    def validate_update(self) -> ValidateObjectUpdate | None:
        """Validating admission for an update."""
        return update_validation(self.scope.admission, self.attributes(Operation.UPDATE))

    def validate_create_on_update(self) -> ValidateObject | None:
        """The same for an update that creates, after asking whether the user may create at all."""
        authorizer = self.scope.authorizer
        validate = self.validate_create()
        if authorizer is None:
            return validate
        info = self.context.request_info
        attributes = AuthorizationAttributes(
            user=self.context.user,
            verb="create",
            namespace=self.namespace,
            api_group=self.scope.resource.group,
            api_version=self.scope.resource.version,
            resource=self.scope.resource.resource,
            subresource=self.scope.subresource,
            name=self.name,
            is_resource_request=True,
            path=info.path,
        )

        async def authorize_and_validate(obj: Any) -> None:
            result = await authorizer.authorize(attributes)
            if result.decision is not Decision.ALLOW:
                if result.error is not None:
                    raise InternalError(result.error)
                raise forbidden_error(attributes, result.reason)
            if validate is not None:
                await validate(obj)

        return authorize_and_validate

    async def store(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """`await attempt()`; when that is too large to be stored, once more without managed fields."""
        try:
            return await attempt()
        except RequestEntityTooLargeError:
            if self.scope.field_manager is None:
                raise
            self.tracks_fields = False
            return await attempt()


def create_options_of(options: UpdateOptions) -> CreateOptions:
    """The options of the create that an update turned out to be."""
    return CreateOptions(
        dry_run=options.dry_run, field_manager=options.field_manager, field_validation=options.field_validation
    )
