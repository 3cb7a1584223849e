"""The sample's own rules: defaults, validation, warnings. What it answers on the wire is tested with its recordings."""

from typing import Any

import pytest

from examples.widgets.server import WIDGETS
from examples.widgets.strategy import WidgetStatusStrategy, WidgetStrategy, validate_spec
from examples.widgets.types import Part, Widget, WidgetSpec, set_defaults
from genericapiserver.apimachinery.meta import ObjectMeta, OwnerReference
from genericapiserver.builder.resource import new_scheme
from genericapiserver.request import RequestContext, RequestInfo

SCHEME = new_scheme([WIDGETS])
STRATEGY = WidgetStrategy(SCHEME)
CONTEXT = RequestContext(request_info=RequestInfo())


def widget(name: str = "a", **spec: Any) -> Widget:
    return Widget(metadata=ObjectMeta(name=name), spec=WidgetSpec(**{"color": "red", **spec}))


def test_a_widget_is_one_with_one_of_each_part() -> None:
    made = widget(parts=[Part(name="x"), Part(name="y", count=2)])
    set_defaults(made)
    assert (made.spec.replicas, [part.count for part in made.spec.parts]) == (1, [1, 2])


def test_no_replicas_are_none_and_stay_so() -> None:
    made = widget(replicas=0)
    set_defaults(made)
    assert made.spec.replicas == 0


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({}, []),
        ({"color": ""}, ["spec.color: Required value: a widget has a color"]),
        ({"color": "pink"}, ['spec.color: Unsupported value: "pink": supported values: "red", "green", "blue"']),
        ({"replicas": 0, "tags": list("abcde")}, []),
        ({"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        ({"tags": list("abcdef")}, ["spec.tags: Too many: 6: must have at most 5 items"]),
        ({"parts": [Part(name="x"), Part(name="x")]}, ['spec.parts[1].name: Duplicate value: "x"']),
        (
            {"parts": [Part(name=""), Part(name="")]},
            ["spec.parts[0].name: Required value", "spec.parts[1].name: Required value"],
        ),
    ],
)
def test_what_a_widget_may_be(spec: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate_spec(widget(**spec).spec)] == errors


def test_a_name_is_a_dns_subdomain() -> None:
    assert STRATEGY.validate(CONTEXT, widget("a.b-c")) == []
    assert [error.field for error in STRATEGY.validate(CONTEXT, widget("A_b"))] == ["metadata.name"]


def test_a_selector_stays() -> None:
    old = widget(selector="a=b")
    assert STRATEGY.validate_update(CONTEXT, widget(selector="a=b", color="blue"), old) == []
    [error] = STRATEGY.validate_update(CONTEXT, widget(selector="a=c"), old)
    assert str(error) == "spec.selector: Forbidden: field is immutable"


@pytest.mark.parametrize(("weight", "warnings"), [(100, 0), (100.5, 1)])
def test_heavy_widgets_are_unusual(weight: float, warnings: int) -> None:
    made = widget(weight=weight)
    assert len(STRATEGY.warnings_on_create(CONTEXT, made)) == warnings
    assert len(STRATEGY.warnings_on_update(CONTEXT, made, made)) == warnings


def test_a_status_update_may_label_but_not_own() -> None:
    strategy = WidgetStatusStrategy(STRATEGY, SCHEME)
    sent, old = widget(color="blue"), widget()
    sent.metadata.labels = {"k": "v"}
    sent.metadata.owner_references = [OwnerReference(api_version="v1", kind="K", name="n", uid="u")]
    strategy.prepare_for_update(CONTEXT, sent, old)
    assert (sent.spec.color, sent.metadata.labels, sent.metadata.owner_references) == ("red", {"k": "v"}, [])


def test_the_replicas_of_a_status_are_not_negative() -> None:
    made = widget()
    made.status.replicas = -1
    [error] = WidgetStatusStrategy(STRATEGY, SCHEME).validate_update(CONTEXT, made, made)
    assert error.field == "status.replicas"
