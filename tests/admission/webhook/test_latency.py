"""What webhooks take of a slow request is told to its audit event: the sum where they wait for each other, else the most."""

from time import perf_counter
from typing import Any

import pytest

from genericapiserver.admission.webhook.caller import WebhookCaller
from genericapiserver.admission.webhook.metrics import WebhookType
from tests.admission.support import new_attributes


@pytest.mark.parametrize(
    ("type", "part", "seconds"), [("admit", "mutating-webhook", 500.0), ("validating", "validating-webhook", 300.0)]
)
def test_latencies(type: WebhookType, part: str, seconds: float) -> None:
    nobody: Any = None
    caller, attributes = WebhookCaller(nobody), new_attributes()
    for took in (200.0, 300.0):
        caller.observe(nobody, type, attributes, perf_counter() - took, None)
    latencies = attributes.context.latencies or {}
    assert list(latencies) == [part]
    assert latencies[part] == pytest.approx(seconds, abs=5.0)
