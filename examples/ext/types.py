"""The kinds of ext.example.com/v1: Token, a credential, and Note, a text."""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import Int64, Time, api_type, field, list_of

MODEL_PACKAGE = "examples.ext.types"
GROUP_VERSION = GroupVersion("ext.example.com", "v1")


@api_type
class TokenSpec:
    """TokenSpec is what is wanted."""

    description: str = field(default="", doc="What the token is for.")
    ttl_seconds: Int64 = field(default=0, doc="How long it is good for; 0 is for ever.")


@api_type
class TokenStatus:
    """TokenStatus is what the server made of it."""

    user: str = field(default="", doc="Whose token it is: who made it.")
    value: str = field(default="", doc="The credential. Shown once, when the token is made.")
    expires_at: Time | None = field(default=None, doc="When it stops being good.")


@api_type
class Token(Object):
    """Token lets its bearer be the user who made it."""

    spec: TokenSpec = field(factory=TokenSpec, doc="What is wanted.")
    status: TokenStatus = field(factory=TokenStatus, doc="What the server made of it.")


@api_type
class NoteSpec:
    """NoteSpec is what the note says."""

    text: str = field(default="", doc="The text.")


@api_type
class Note(Object):
    """Note is a text in a namespace."""

    spec: NoteSpec = field(factory=NoteSpec, doc="What it says.")


TokenList, NoteList = list_of(Token), list_of(Note)


def new_scheme() -> Scheme:
    scheme = Scheme("ext")
    scheme.add_known_types(GROUP_VERSION, Token, Note)
    return scheme
