"""`python -m examples.builder --secure-port=6443`: notes, kept in memory."""

import sys

from genericapiserver.apimachinery.field import FieldError, Path, required
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.builder import build_server


@api_type
class Note(Object):
    """Note is what hangs on the fridge."""

    group_version_resource = GroupVersionResource("fridge.example.com", "v1", "notes")
    text: str = field(default="", doc="What it says.")

    def validate(self) -> list[FieldError]:
        return [] if self.text else [required(Path("text"), "an empty note helps nobody")]


if __name__ == "__main__":
    sys.exit(build_server(resources=[Note], name="notes").execute_command())
