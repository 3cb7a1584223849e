import pytest

from genericapiserver.registry.field_paths import check_path, json_path, reader, writer
from tests.registry.support import Gadget, new_gadget


def test_a_path_leads_into_an_object() -> None:
    gadget = new_gadget("a")
    writer("spec.size")(gadget, 3)
    assert (reader("spec.size")(gadget), reader("metadata.name")(gadget)) == (3, "a")


def test_a_path_of_one_name_is_the_field_itself() -> None:
    gadget = Gadget()
    spec = new_gadget().spec
    writer("spec")(gadget, spec)
    assert reader("spec")(gadget) is spec


def test_what_is_missing_on_the_way_is_none() -> None:
    assert reader("metadata.deletion_timestamp.year")(Gadget()) is None


def test_json_names_are_in_camel_case() -> None:
    assert json_path("metadata.owner_references") == ("metadata", "ownerReferences")


@pytest.mark.parametrize("path", ["spec", "spec.size", "metadata.labels", "metadata.creation_timestamp"])
def test_a_field_that_is_there_passes(path: str) -> None:
    check_path(Gadget, path)


@pytest.mark.parametrize("path", ["", "spek", "spec.sise", "spec.size.unit", "metadata.creationTimestamp"])
def test_a_field_that_is_not_there_is_told(path: str) -> None:
    with pytest.raises(ValueError, match=f"^Gadget has no field {path}$"):
        check_path(Gadget, path)
