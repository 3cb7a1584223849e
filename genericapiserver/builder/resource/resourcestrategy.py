"""The hooks that an API type may have around its own writes, each by having the method.

They are called on the object that is written, in the storage version, in the order of `registry.before`. Every method may
take the `context` of the request before what stands here: `validate(self)` or `validate(self, context)`;
but for `default` and `canonicalize`, which know no request. They are looked up
once, when the server is built, which refuses one with other parameters. Go: pkg/builder/resource/resourcestrategy of
apiserver-runtime; its Converter is `resource.MultiVersionObject` here.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.meta import Table, TableOptions


@runtime_checkable
class Defaulter(Protocol):
    """Called after decoding, also of what is read from storage; of each version its own."""

    def default(self) -> None:
        """Fill in what was left out. What is set stays."""


@runtime_checkable
class PrepareForCreater(Protocol):
    def prepare_for_create(self) -> None:
        """Change the object to what a new one looks like."""


@runtime_checkable
class PrepareForUpdater(Protocol):
    def prepare_for_update(self, old: Any) -> None:
        """Change the object to what may follow *old*, which must not be changed."""


@runtime_checkable
class Validater(Protocol):
    def validate(self) -> Sequence[FieldError]:
        """What is wrong with the object; empty when nothing is. Changes nothing.

        Asked of updates, too, unless there is a `validate_update` (the seeds let them pass then) or the object is being
        deleted: who clears its finalizers must be able to.
        """


@runtime_checkable
class ValidateUpdater(Protocol):
    def validate_update(self, old: Any) -> Sequence[FieldError]:
        """What is wrong with the object in place of *old*; asked instead of `validate`."""


@runtime_checkable
class Canonicalizer(Protocol):
    def canonicalize(self) -> None:
        """Bring equal objects to one form, after validation."""


@runtime_checkable
class TableConverter(Protocol):
    """On an object: the columns and its row; on a hand-made list class: the whole table."""

    def convert_to_table(self, options: TableOptions | None) -> Table: ...


@runtime_checkable
class NameGenerator(Protocol):
    @staticmethod
    def generate_name(base: str) -> str:
        """A name that probably nobody has, from metadata.generateName; the default appends five random characters."""


@runtime_checkable
class AllowCreateOnUpdater(Protocol):
    allow_create_on_update: ClassVar[bool]
    """Whether a PUT of what does not exist creates it. False unless said."""


@runtime_checkable
class AllowUnconditionalUpdater(Protocol):
    allow_unconditional_update: ClassVar[bool]
    """Whether a PUT without a resourceVersion overwrites whatever is there. False unless said: it is a conflict."""
