"""What minkapi raises: a sentinel text of its own first, the cause after it.

The cause, which may be an error of the API (NotFoundError, InvalidError, ...), is `error.cause` and `__cause__`. Source:
minkapi's api/minkapi/errors.go.
"""

from typing import ClassVar, Final

PROGRAM_NAME: Final = "minkapi"


class MinkAPIError(Exception):
    """The root: `text` is the sentinel's, and how the message begins."""

    text: ClassVar[str] = f"{PROGRAM_NAME} failed"

    def __init__(self, cause: BaseException | str = "") -> None:
        detail = str(cause)
        super().__init__(f"{self.text}: {detail}" if detail else self.text)
        self.cause = cause if isinstance(cause, BaseException) else None


class InitFailedError(MinkAPIError):
    """The server cannot be made."""

    text = f'"{PROGRAM_NAME}" initialization failed'


class StartFailedError(MinkAPIError):
    """The server cannot listen, or a kubeconfig cannot be written."""

    text = f'"{PROGRAM_NAME}" start failed'


class ServiceFailedError(MinkAPIError):
    """Serving has ended by itself."""

    text = f"{PROGRAM_NAME} service failed"


class ClientFacadesFailedError(MinkAPIError):
    text = "failed to create client facades"


class LoadConfigTemplateError(MinkAPIError):
    """The sample configuration cannot be read."""

    text = "cannot load config template"


class ExecuteConfigTemplateError(MinkAPIError):
    """The sample configuration cannot be filled in or written."""

    text = "cannot execute config template"


class StoreNotFoundError(MinkAPIError):
    """The kind is not served."""

    text = "store not found"


class CreateWatcherError(MinkAPIError):
    text = "cannot create watcher"


class CreateObjectError(MinkAPIError):
    text = "cannot create object"


class DeleteObjectError(MinkAPIError):
    text = "cannot delete object"


class ListObjectsError(MinkAPIError):
    text = "cannot list objects"


class UpdateObjectError(MinkAPIError):
    text = "cannot update object"


class CreateViewError(MinkAPIError):
    text = "cannot create view"
