import pytest

from genericapiserver.admission.attributes import AuditLevel
from tests.admission.support import Recorder, new_attributes


def test_annotations_reach_the_audit_event() -> None:
    attributes = new_attributes()
    attributes.add_annotation("plugin.example.com/decision", "allowed")
    recorder = attributes.context.audit
    assert isinstance(recorder, Recorder)
    assert recorder.annotations == [("plugin.example.com/decision", "allowed")]
    assert attributes.annotations["plugin.example.com/decision"].value == "allowed"


def test_annotations_of_a_higher_level_are_kept_for_events_of_that_level() -> None:
    attributes = new_attributes()
    attributes.add_annotation("plugin.example.com/patch", "{}", level=AuditLevel.REQUEST)
    recorder = attributes.context.audit
    assert isinstance(recorder, Recorder)
    assert recorder.annotations == []
    assert attributes.annotations["plugin.example.com/patch"].level is AuditLevel.REQUEST


def test_the_same_again_is_fine_and_another_value_is_not() -> None:
    attributes = new_attributes()
    attributes.add_annotation("plugin.example.com/decision", "allowed")
    attributes.add_annotation("plugin.example.com/decision", "allowed")
    with pytest.raises(ValueError, match=r"^admission annotations are not allowd to be overwritten, key:") as raised:
        attributes.add_annotation("plugin.example.com/decision", "denied")
    assert '"plugin.example.com/decision"' in str(raised.value)


@pytest.mark.parametrize("key", ["", "decision", "/decision", "a/b/c", "plugin.example.com/", "Plugin_X/decision"])
def test_a_key_is_a_qualified_name_with_a_prefix(key: str) -> None:
    with pytest.raises(ValueError, match=r"^annotation key has invalid format"):
        new_attributes().add_annotation(key, "x")


def test_without_an_audit_event_annotations_are_only_kept() -> None:
    attributes = new_attributes()
    attributes.context.audit = None
    attributes.add_annotation("plugin.example.com/decision", "allowed")
    assert "plugin.example.com/decision" in attributes.annotations
