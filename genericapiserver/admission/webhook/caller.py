"""One call of one webhook: may it be asked, what is it asked, what does it say. Go: the callHook functions of
pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go, which are the same up to the patch.
"""

import asyncio
import logging
import math
import time
from typing import Any, Final

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.matching import Match
from genericapiserver.admission.webhook.client import CallFailedError, ClientError, WebhookClients
from genericapiserver.admission.webhook.errors import (
    BAD_REQUEST,
    UNAVAILABLE,
    CallError,
    RejectionError,
    dry_run_unsupported,
    rejection,
)
from genericapiserver.admission.webhook.metrics import NO_CODE, ErrorType, WebhookMetrics, WebhookType
from genericapiserver.admission.webhook.review import (
    ReviewError,
    Verdict,
    check_answer,
    make_review,
    read_answer,
)
from genericapiserver.admission.webhook.source import ConfiguredWebhook
from genericapiserver.apimachinery.errors import APITimeoutError, StatusError
from genericapiserver.apimachinery.scheme import SchemeError
from genericapiserver.apis.admissionregistration_v1 import (
    DEFAULT_TIMEOUT_SECONDS,
    SIDE_EFFECTS_NONE,
    SIDE_EFFECTS_NONE_ON_DRY_RUN,
    MutatingWebhook,
)
from genericapiserver.logs import kv
from genericapiserver.tracing import Trace, step

logger = logging.getLogger(__name__)

SUCCESS: Final = 200


class WebhookCaller:
    """Calls webhooks through *clients*, and counts what comes of it."""

    def __init__(self, clients: WebhookClients, metrics: WebhookMetrics | None = None) -> None:
        self._clients = clients
        self._metrics = metrics

    async def call(
        self, hook: ConfiguredWebhook, attributes: Attributes, match: Match, *, obj: Any, old_object: Any
    ) -> Verdict:
        """Ask *hook*; its yes, with annotations and warnings passed on.

        *obj* and *old_object* are JSON values of the kind of *match*. Raises CallError, and RejectionError for a no.
        """
        kind = "mutating" if isinstance(hook.webhook, MutatingWebhook) else "validating"
        with Trace(f"Call {kind} webhook", fields=lambda: _fields(hook, attributes)):
            return await self._call(hook, attributes, match, obj=obj, old_object=old_object)

    async def _call(
        self, hook: ConfiguredWebhook, attributes: Attributes, match: Match, *, obj: Any, old_object: Any
    ) -> Verdict:
        name, mutating = hook.name, isinstance(hook.webhook, MutatingWebhook)
        if attributes.dry_run:
            _check_side_effects(hook)
        try:
            review = make_review(
                attributes, match, hook.webhook.admission_review_versions, obj=obj, old_object=old_object
            )
        except ReviewError as error:
            raise CallError(name, f"could not create admission objects: {error}", code=BAD_REQUEST) from error
        try:
            client = self._clients.client_for(hook.webhook.client_config)
        except ClientError as error:
            raise CallError(name, f"could not get REST client: {error}", code=BAD_REQUEST) from error
        seconds = hook.webhook.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
        check_deadline(attributes)
        left = attributes.context.remaining(asyncio.get_running_loop().time())
        query = f"timeout={math.ceil(min(seconds, left or seconds))}s"
        try:
            # The request's own deadline needs no timer here: the timeout filter cancels this task and answers 504.
            async with asyncio.timeout(seconds):
                body = await client.post(review.body, query=query)
            step("Request completed")
            response, declared = read_answer(body, review.version)
        except TimeoutError as error:
            late = CallFailedError(f"{client.url}?{query}", "context deadline exceeded")
            raise CallError(name, f"failed to call webhook: {late}") from error
        except StatusError as error:
            raise CallError(name, f"failed to call webhook: {error}", code=error.code) from error
        except (CallFailedError, SchemeError, ValueError, OSError) as error:
            raise CallError(name, f"failed to call webhook: {error or type(error).__name__}") from error
        try:
            verdict = check_answer(response, declared, review, mutating=mutating)
        except ReviewError as error:
            raise CallError(name, f"received invalid webhook response: {error}") from error
        _pass_on(hook, attributes, verdict)
        if not verdict.allowed:
            raise rejection(name, verdict.result)
        return verdict

    def observe(
        self,
        hook: ConfiguredWebhook,
        type: WebhookType,
        attributes: Attributes,
        started: float,
        error: Exception | None,
    ) -> None:
        """Count and time a call that began at *started* (performance counter) and ended with *error*, None for a yes."""
        seconds = time.perf_counter() - started
        if type == "admit":
            attributes.context.add_latency("mutating-webhook", seconds)
        else:
            attributes.context.add_parallel_latency("validating-webhook", seconds)
        if self._metrics is None:
            return
        error_type, code = _kind_of(error)
        rejected = error is not None and not (isinstance(error, CallError) and hook.ignores_failures)
        operation = attributes.operation
        if rejected:
            self._metrics.observe_rejection(hook.name, type, operation, error_type=error_type, code=code)
        self._metrics.observe(hook.name, type, operation, seconds=seconds, code=code, rejected=rejected)

    def failed_open(
        self, hook: ConfiguredWebhook, type: WebhookType, attributes: Attributes, key: str, why: object
    ) -> None:
        """Count, log and annotate that a write goes on although *hook* was not asked.

        Raises APITimeoutError when the request's own time is over: nothing goes on then.
        """
        logger.warning(kv("Failed calling webhook, failing open", webhook=hook.name, err=why))
        if self._metrics is not None:
            self._metrics.observe_fail_open(hook.name, type)
        attributes.add_annotation(key, hook.name)
        check_deadline(attributes)


def _fields(hook: ConfiguredWebhook, attributes: Attributes) -> dict[str, Any]:
    return {
        "configuration": hook.configuration,
        "webhook": hook.name,
        "resource": attributes.resource,
        "subresource": attributes.subresource,
        "operation": attributes.operation.value,
    }


def check_deadline(attributes: Attributes) -> None:
    """Raise APITimeoutError when the request has no time left."""
    if attributes.context.remaining(asyncio.get_running_loop().time()) == 0:
        raise APITimeoutError("request did not complete within requested timeout")


def _check_side_effects(hook: ConfiguredWebhook) -> None:
    side_effects = hook.webhook.side_effects
    if side_effects is None:
        raise CallError(hook.name, "Webhook SideEffects is nil", code=BAD_REQUEST)
    if side_effects not in (SIDE_EFFECTS_NONE, SIDE_EFFECTS_NONE_ON_DRY_RUN):
        raise dry_run_unsupported(hook.name)


def _pass_on(hook: ConfiguredWebhook, attributes: Attributes, verdict: Verdict) -> None:
    for key, value in verdict.audit_annotations.items():
        try:
            attributes.add_annotation(f"{hook.name}/{key}", value)
        except ValueError as error:
            logger.warning("Failed to set admission audit annotation %s/%s of a webhook: %s", hook.name, key, error)
    for warning in verdict.warnings:
        attributes.context.add_warning(warning)


def _kind_of(error: Exception | None) -> tuple[ErrorType, int]:
    """How metrics file *error*: its type and its code."""
    if error is None:
        return "no_error", SUCCESS
    if isinstance(error, CallError):
        return "calling_webhook_error", error.code or UNAVAILABLE
    if isinstance(error, RejectionError):
        return "no_error", error.status.code
    return "apiserver_internal_error", NO_CODE
