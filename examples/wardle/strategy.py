"""What the two kinds demand of their objects."""

from examples.wardle import types
from examples.wardle.types import FISCHER, FLUNDER
from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import RequestContext


class FlunderStrategy(DefaultStrategy):
    namespace_scoped = True

    def validate(self, context: RequestContext, obj: types.Flunder) -> list[FieldError]:
        return validate_spec(obj.spec, Path("spec"))


class FischerStrategy(DefaultStrategy):
    namespace_scoped = False


def validate_spec(spec: types.FlunderSpec, path: Path) -> list[FieldError]:
    """The reference must be of the kind that the type names."""
    kind, flunder, fischer = spec.reference_type, spec.flunder_reference, spec.fischer_reference
    flunder_path, fischer_path = path.child("flunderReference"), path.child("fischerReference")
    errors = []
    if flunder and fischer:
        errors.append(field.invalid(fischer_path, fischer, "cannot be set with flunderReference at the same time"))
    elif flunder and kind != FLUNDER:
        errors.append(field.invalid(flunder_path, flunder, "cannot be set if referenceType is not Flunder"))
    elif fischer and kind != FISCHER:
        errors.append(field.invalid(fischer_path, fischer, "cannot be set if referenceType is not Fischer"))
    elif not fischer and kind == FISCHER:
        errors.append(field.invalid(fischer_path, fischer, "cannot be empty if referenceType is Fischer"))
    elif not flunder and kind == FLUNDER:
        errors.append(field.invalid(flunder_path, flunder, "cannot be empty if referenceType is Flunder"))
    if kind and kind not in (FLUNDER, FISCHER):
        errors.append(field.invalid(path.child("referenceType"), kind, "must be Flunder or Fischer"))
    return errors
