"""What is demanded of widgets, and of their status."""

from collections.abc import Sequence

from examples.widgets.types import COLORS, Widget, WidgetSpec
from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name, validate_non_negative
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStrategy
from genericapiserver.request import RequestContext

MAX_TAGS = 5
SPEC = Path("spec")


class WidgetStrategy(SpecStatusStrategy):
    allow_create_on_update = True
    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Widget) -> list[FieldError]:
        return validate_dns_name(obj.metadata) + validate_spec(obj.spec)

    def validate_update(self, context: RequestContext, obj: Widget, old: Widget) -> list[FieldError]:
        errors = self.validate(context, obj)
        if obj.spec.selector != old.spec.selector:
            errors.append(field.forbidden(SPEC.child("selector"), "field is immutable"))
        return errors

    def warnings_on_create(self, context: RequestContext, obj: Widget) -> Sequence[str]:
        return ["spec.weight: more than 100 is unusual"] if obj.spec.weight > 100 else []

    def warnings_on_update(self, context: RequestContext, obj: Widget, old: Widget) -> Sequence[str]:
        return self.warnings_on_create(context, obj)


class WidgetStatusStrategy(StatusStrategy):
    keeps = ("spec", "metadata.deletion_timestamp", "metadata.owner_references")

    def validate_update(self, context: RequestContext, obj: Widget, old: Widget) -> list[FieldError]:
        return validate_non_negative(obj.status.replicas, Path("status", "replicas"))


def validate_spec(spec: WidgetSpec) -> list[FieldError]:
    errors = []
    if not spec.color:
        errors.append(field.required(SPEC.child("color"), "a widget has a color"))
    elif spec.color not in COLORS:
        errors.append(field.not_supported(SPEC.child("color"), spec.color, COLORS))
    errors += validate_non_negative(spec.replicas or 0, SPEC.child("replicas"))
    names: set[str] = set()
    for index, part in enumerate(spec.parts):
        path = SPEC.child("parts").index(index).child("name")
        if not part.name:
            errors.append(field.required(path))
        elif part.name in names:
            errors.append(field.duplicate(path, part.name))
        names.add(part.name)
    if len(spec.tags) > MAX_TAGS:
        errors.append(field.too_many(SPEC.child("tags"), len(spec.tags), MAX_TAGS))
    return errors
