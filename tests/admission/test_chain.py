from typing import Any

import pytest

from genericapiserver.admission import AdmissionChain, Attributes, Operation, new_forbidden
from genericapiserver.admission.metrics import AdmissionMetrics
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.metrics import MetricsRegistry
from tests.admission.support import Mutating, Noting, Validating, new_attributes, new_gadget


async def test_plugins_run_in_order_mutating_apart_from_validating() -> None:
    calls: list[str] = []
    chain = AdmissionChain([Noting("one", calls), Noting("two", calls)])
    await chain.admit(new_attributes())
    await chain.validate(new_attributes())
    assert calls == ["one admit", "two admit", "one validate", "two validate"]


async def test_plugins_that_do_not_handle_the_operation_are_skipped() -> None:
    calls: list[str] = []
    chain = AdmissionChain([Noting("one", calls, Operation.DELETE), Noting("two", calls, Operation.CREATE)])
    await chain.admit(new_attributes(Operation.CREATE))
    await chain.validate(new_attributes(Operation.CONNECT))
    assert calls == ["two admit"]


async def test_the_first_error_ends_the_walk() -> None:
    calls: list[str] = []
    chain = AdmissionChain([Noting("one", calls, fails=new_forbidden(new_attributes(), "no")), Noting("two", calls)])
    with pytest.raises(ForbiddenError):
        await chain.admit(new_attributes())
    with pytest.raises(ForbiddenError):
        await chain.validate(new_attributes())
    assert calls == ["one admit", "one validate"]


def test_a_chain_handles_what_any_member_handles() -> None:
    chain = AdmissionChain([Noting("one", [], Operation.DELETE), Noting("two", [], Operation.CREATE)])
    assert [operation for operation in Operation if chain.handles(operation)] == [Operation.CREATE, Operation.DELETE]


def test_it_is_known_beforehand_whether_anybody_would_be_called() -> None:
    assert not AdmissionChain().handles(Operation.CREATE)
    mutating, validating = AdmissionChain([Mutating()]), AdmissionChain([Validating()])
    assert (mutating.mutates(Operation.CREATE), mutating.validates(Operation.CREATE)) == (True, False)
    assert (validating.mutates(Operation.CREATE), validating.validates(Operation.CREATE)) == (False, True)


async def test_an_empty_chain_lets_everything_through() -> None:
    chain = AdmissionChain()
    await chain.admit(new_attributes())
    await chain.validate(new_attributes())


async def test_a_mutation_stays_in_the_object() -> None:
    attributes = new_attributes(object=new_gadget())
    await AdmissionChain([Mutating()]).admit(attributes)
    assert attributes.object.metadata.labels == {"mutated": "yes"}


class Reinvoking(Noting):
    """Asks for another round, every time."""

    async def admit(self, attributes: Attributes) -> None:
        attributes.request_reinvocation()
        self.calls.append(f"{self.name} {attributes.is_reinvoke}")


async def test_a_plugin_may_ask_for_one_more_round_and_not_for_a_third() -> None:
    calls: list[str] = []
    chain = AdmissionChain([Noting("one", calls), Reinvoking("two", calls)])
    await chain.admit(new_attributes())
    assert calls == ["one admit", "two False", "one admit", "two True"]


async def test_a_chain_may_be_a_member_of_a_chain() -> None:
    calls: list[str] = []
    chain = AdmissionChain([AdmissionChain([Noting("one", calls)]), Noting("two", calls)])
    await chain.admit(new_attributes())
    assert calls == ["one admit", "two admit"]


def counts(metrics: MetricsRegistry) -> dict[tuple[str, ...], float]:
    """Observations by name of the metric and values of its labels, those with any."""
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in metrics.collectors.collect()
        for sample in family.samples
        if sample.name.endswith("_count") and sample.value
    }


async def test_steps_and_plugins_are_timed() -> None:
    metrics = MetricsRegistry()
    plugins: dict[str, Any] = {"One": Noting("one", []), "Two": Noting("two", [], fails=ValueError("no"))}
    chain = AdmissionChain(plugins, metrics=AdmissionMetrics(metrics))
    with pytest.raises(ValueError, match="no"):
        await chain.validate(new_attributes(Operation.UPDATE))
    controller = "apiserver_admission_controller_admission_duration_seconds_count"
    step = "apiserver_admission_step_admission_duration_seconds_count"
    assert counts(metrics) == {
        (controller, "name=One", "operation=UPDATE", "rejected=false", "type=validate"): 1.0,
        (controller, "name=Two", "operation=UPDATE", "rejected=true", "type=validate"): 1.0,
        (step, "operation=UPDATE", "rejected=true", "type=validate"): 1.0,
        (step.replace("_count", "_summary_count"), "operation=UPDATE", "rejected=true", "type=validate"): 1.0,
    }
    sums = {
        metrics.collectors.get_sample_value(
            step.replace("_count", end), {"type": "validate", "operation": "UPDATE", "rejected": "true"}
        )
        for end in ("_sum", "_summary_sum")
    }
    assert len(sums) == 1
    assert sums != {None}


async def test_two_servers_may_share_the_metrics() -> None:
    metrics = MetricsRegistry()
    for _ in range(2):
        await AdmissionChain([Validating()], metrics=AdmissionMetrics(metrics)).validate(new_attributes())
    assert sum(counts(metrics).values()) == 6.0


class Resting(Validating):
    """Has nothing to do as long as *rests*."""

    rests = True

    def is_idle(self) -> bool:
        return self.rests


def test_a_chain_of_idle_plugins_has_nothing_to_do_for_now() -> None:
    one, other = Resting(), Resting()
    chain = AdmissionChain([one, other])
    assert not chain.validates(Operation.CREATE)
    assert not chain.handles(Operation.DELETE)
    other.rests = False
    assert chain.validates(Operation.CREATE)
    assert chain.handles(Operation.DELETE)


def test_a_plugin_that_is_never_idle_keeps_the_chain_at_work() -> None:
    assert AdmissionChain([Resting(), Validating()]).validates(Operation.CREATE)
