"""What the clients of histories write: an object with a value and nothing else."""

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import ObjectForm, metadata_attributes


@api_type
class NoteSpec:
    """NoteSpec is what is written."""

    value: str = field(default="", doc="Who wrote it.")


@api_type
class Note(Object):
    """Note is the object of histories."""

    spec: NoteSpec = field(factory=NoteSpec, doc="What it says.")


_VERSION = GroupVersion("", "v1")
_SCHEME = Scheme("histories")
_SCHEME.add_known_types(_VERSION, Note)
FORM: ObjectForm[Note] = ObjectForm(
    codec=CodecFactory(_SCHEME).storage_codec(_VERSION, Note), new=Note, attributes=metadata_attributes, copy=deep_copy
)


def note(path: str, value: str) -> Note:
    """The object `namespace/name`."""
    namespace, _, name = path.partition("/")
    return Note(metadata=ObjectMeta(name=name, namespace=namespace), spec=NoteSpec(value=value))


def key_of(path: str) -> str:
    """The key of an object, of a namespace that ends in a slash, or of everything."""
    return f"/notes/{path}"


def backend_on(engine: StorageEngine, *, cached: bool, prefix: str = "/registry") -> Store[Note] | Cacher[Note]:
    """A store on *engine*, with a cache in front of it or not."""
    store = Store(engine, form=FORM, resource_prefix="/notes/", prefix=prefix)
    return Cacher(store) if cached else store
