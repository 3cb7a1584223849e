"""Admission as the callables a store takes."""

from typing import Any

from genericapiserver.admission import AdmissionChain, Attributes, Operation
from genericapiserver.admission.closures import create_validation, delete_validation, update_validation
from genericapiserver.admission.metrics import AdmissionMetrics
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.stored import ObjectForm, StoredObject, metadata_attributes
from tests.admission.support import Gadget, Mutating, Noting, Validating, new_attributes, new_gadget


class Spoiling:
    """Changes what it is given, against the rules; keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[Attributes] = []

    def handles(self, operation: Operation) -> bool:
        return True

    async def validate(self, attributes: Attributes) -> None:
        self.seen.append(attributes)
        for obj in (attributes.object, attributes.old_object):
            if obj is not None:
                obj.metadata.labels["spoiled"] = "yes"


def test_without_validation_there_is_nothing_to_call() -> None:
    for chain in (None, AdmissionChain(), AdmissionChain([Mutating()])):
        assert create_validation(chain, new_attributes()) is None
        assert update_validation(chain, new_attributes(Operation.UPDATE)) is None
    assert delete_validation(None, new_attributes(Operation.DELETE)) is None
    assert (
        delete_validation(AdmissionChain([Noting("x", [], Operation.CREATE)]), new_attributes(Operation.DELETE)) is None
    )


async def test_validators_get_copies() -> None:
    plugin = Spoiling()
    chain = AdmissionChain([plugin])
    new, old = new_gadget(), new_gadget()
    create = create_validation(chain, new_attributes())
    update = update_validation(chain, new_attributes(Operation.UPDATE))
    delete = delete_validation(chain, new_attributes(Operation.DELETE))
    assert create is not None
    assert update is not None
    assert delete is not None
    await create(new)
    await update(new, old)
    await delete(old)
    assert new.metadata.labels == old.metadata.labels == {}
    assert len(plugin.seen) == 3


async def test_a_generated_name_is_filled_in() -> None:
    plugin = Spoiling()
    validate = create_validation(AdmissionChain([plugin]), new_attributes(name=""))
    assert validate is not None
    await validate(new_gadget("made-up"))
    assert plugin.seen[0].name == "made-up"


async def test_delete_runs_mutating_then_validating_on_the_old_object_only() -> None:
    calls: list[str] = []
    plugin = Spoiling()
    validate = delete_validation(AdmissionChain([plugin, Noting("n", calls)]), new_attributes(Operation.DELETE))
    assert validate is not None
    await validate(new_gadget())
    assert calls == ["n admit", "n validate"]
    assert plugin.seen[0].object is None
    assert plugin.seen[0].old_object.metadata.name == "a"


async def test_stored_objects_are_copied_too() -> None:
    class Codec:
        def encode(self, obj: Any) -> bytes:
            return b"{}"

        def decode(self, value: bytes) -> Any:
            return new_gadget()

    form: ObjectForm[Any] = ObjectForm(codec=Codec(), new=Gadget, attributes=metadata_attributes, copy=deep_copy)
    stored: StoredObject[Any] = StoredObject("/gadgets/ns/a", 7, b"{}", form)
    plugin = Spoiling()
    validate = delete_validation(AdmissionChain([plugin]), new_attributes(Operation.DELETE))
    assert validate is not None
    await validate(stored)
    assert plugin.seen[0].old_object.metadata.resource_version == "7"
    assert stored.shared.metadata.labels == {}


async def test_a_second_walk_starts_without_the_marks_of_the_first() -> None:
    template = new_attributes()
    template.add_annotation("plugin.example.com/decision", "allowed")
    template.is_reinvoke = template.reinvocation_requested = True
    plugin = Spoiling()
    validate = create_validation(AdmissionChain([plugin, Validating()]), template)
    assert validate is not None
    await validate(new_gadget())
    assert not plugin.seen[0].is_reinvoke
    assert not plugin.seen[0].reinvocation_requested
    assert plugin.seen[0].annotations == {}


class Idle(Noting):
    """Has nothing to do."""

    def is_idle(self) -> bool:
        return True


async def test_walks_that_are_spared_are_counted_as_if_they_had_been_made() -> None:
    metrics = MetricsRegistry()
    chain = AdmissionChain({"Idle": Idle("idle", [])}, metrics=AdmissionMetrics(metrics))
    create = create_validation(chain, new_attributes())
    update = update_validation(chain, new_attributes(Operation.UPDATE))
    delete = delete_validation(chain, new_attributes(Operation.DELETE))
    assert create is not None
    assert update is not None
    assert delete is not None
    assert counted(metrics) == {}
    await create(new_gadget())
    await update(new_gadget(), new_gadget())
    await delete(new_gadget())
    chain.pass_by("admit", Operation.CREATE)
    assert counted(metrics) == dict.fromkeys(
        [
            ("admit", "CREATE"),
            ("validate", "CREATE"),
            ("validate", "UPDATE"),
            ("admit", "DELETE"),
            ("validate", "DELETE"),
        ],
        2.0,
    )


async def test_a_chain_that_only_mutates_has_a_step_of_validation_too() -> None:
    """As in the reference, which walks a chain whatever its plugins are."""
    metrics = MetricsRegistry()
    chain = AdmissionChain([Mutating()], metrics=AdmissionMetrics(metrics))
    validate = create_validation(chain, new_attributes())
    assert validate is not None
    await validate(new_gadget())
    assert counted(metrics) == {("validate", "CREATE"): 1.0}


def counted(metrics: MetricsRegistry) -> dict[tuple[str, str], float]:
    """Observations by step and operation: of the step itself, and of the plugins in it."""
    found: dict[tuple[str, str], float] = {}
    for family in metrics.families():
        for sample in family.samples:
            if sample.name.endswith("_duration_seconds_count") and sample.value:
                step = sample.labels["type"], sample.labels["operation"]
                found[step] = found.get(step, 0.0) + sample.value
    return found
