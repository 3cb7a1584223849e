"""MutatingAdmissionWebhook: webhooks are asked one after the other, and each sees what the ones before changed.

A change asks for a second round, in which those that ran and want it (reinvocationPolicy IfNeeded) are asked again if
something changed after them; one that was not concerned in the first round is not asked in the second.
Go: pkg/admission/plugin/webhook/mutating/{dispatcher,reinvocationcontext}.go.
"""

import logging
import time
from typing import Any, Final

import attrs

from genericapiserver.admission.attributes import Attributes, AuditLevel
from genericapiserver.admission.matching import Match
from genericapiserver.admission.versioned import VersionedAttributes
from genericapiserver.admission.webhook.caller import check_deadline
from genericapiserver.admission.webhook.current import CurrentObject
from genericapiserver.admission.webhook.errors import CallError, RejectionError
from genericapiserver.admission.webhook.plugin import PATH, WebhookPlugin
from genericapiserver.admission.webhook.review import Verdict
from genericapiserver.admission.webhook.source import ConfiguredWebhook
from genericapiserver.apimachinery.errors import BadRequestError, InternalError, StatusError
from genericapiserver.apimachinery.patch import JSONPatch
from genericapiserver.apimachinery.serializer.json import encode_json, encode_with_literals, sort_keys
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.admission_v1 import PATCH_TYPE_JSON_PATCH
from genericapiserver.apis.admissionregistration_v1 import MutatingWebhookConfiguration
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

NAME: Final = "MutatingAdmissionWebhook"
MUTATION_ANNOTATION: Final = "mutation.webhook.admission.k8s.io/"
PATCH_ANNOTATION: Final = "patch.webhook.admission.k8s.io/"
FAILED_OPEN: Final = "failed-open.mutation.webhook.admission.k8s.io/"


@attrs.define(eq=False)
class _Rounds:
    """What the second round of one request needs to know of the first."""

    output: Any = None
    """The object as this plugin left it, if anybody may have to be asked again."""
    invoked: set[str] = attrs.field(factory=set)
    """Webhooks that ran, want to be asked again, and saw the latest change."""
    marked: set[str] = attrs.field(factory=set)
    """Webhooks that are to be asked again."""

    def mark(self) -> None:
        """Something changed after all that ran so far."""
        self.marked |= self.invoked
        self.invoked = set()


class MutatingWebhooks(WebhookPlugin):
    """Asks, and applies the patches of the answers."""

    step = "admit"
    configuration_type = MutatingWebhookConfiguration
    configuration_path = f"{PATH}/mutatingwebhookconfigurations"

    async def admit(self, attributes: Attributes) -> None:
        """Raises StatusError when a webhook refuses, cannot be asked and must be, or sends a patch that cannot be used."""
        hooks = await self._webhooks(attributes)
        if not hooks:
            return
        rounds = attributes.reinvocation.setdefault(NAME, _Rounds())
        assert isinstance(rounds, _Rounds)
        if attributes.is_reinvoke and rounds.output is not None and rounds.output != attributes.object:
            rounds.mark()
        current = CurrentObject(attributes)
        for index, hook in enumerate(hooks):
            await self._visit(hook, index, attributes, current, rounds)
        current.finish()
        if rounds.invoked or rounds.marked:
            rounds.output = deep_copy(attributes.object)

    async def _visit(
        self, hook: ConfiguredWebhook, index: int, attributes: Attributes, current: CurrentObject, rounds: _Rounds
    ) -> None:
        match = await self._match(hook, attributes, VersionedAttributes(current.attributes()), current.object)
        if match is None or (attributes.is_reinvoke and hook.uid not in rounds.marked):
            return
        place = f"round_{int(attributes.is_reinvoke)}_index_{index}"
        assert self._caller is not None
        started = time.perf_counter()
        try:
            changed = await self._call(hook, match, place, attributes, current)
        except CallError as error:
            self._caller.observe(hook, self.step, attributes, started, error)
            self._remember(hook, rounds)
            if not hook.ignores_failures:
                logger.warning(kv("Failed calling webhook, failing closed", webhook=hook.name, err=error))
                raise InternalError(error) from error
            self._caller.failed_open(hook, self.step, attributes, FAILED_OPEN + place, error)
            return
        except RejectionError as error:
            self._caller.observe(hook, self.step, attributes, started, error)
            raise error.status from None
        except Exception as error:
            self._caller.observe(hook, self.step, attributes, started, error)
            if isinstance(error, StatusError):
                raise
            logger.exception(kv("A webhook has failed in an unforeseen way", plugin=NAME, webhook=hook.name))
            raise InternalError(f"{NAME}/{hook.name} has panicked: {error}") from error
        self._caller.observe(hook, self.step, attributes, started, None)
        if changed:
            rounds.mark()
            attributes.request_reinvocation()
        self._remember(hook, rounds)
        check_deadline(attributes)

    def _remember(self, hook: ConfiguredWebhook, rounds: _Rounds) -> None:
        if hook.wants_reinvocation:
            rounds.invoked.add(hook.uid)

    async def _call(
        self, hook: ConfiguredWebhook, match: Match, place: str, attributes: Attributes, current: CurrentObject
    ) -> bool:
        """Whether *hook* changed the object. Raises CallError, RejectionError, StatusError."""
        assert self._caller is not None
        changed = False
        try:
            current.convert_to(match.kind)
            verdict = await self._caller.call(
                hook, attributes, match, obj=current.encoded(), old_object=current.old_object()
            )
            changed = self._apply(hook, verdict, place, attributes, current)
        finally:
            value = {"configuration": hook.configuration, "webhook": hook.name, "mutated": changed}
            attributes.add_annotation(MUTATION_ANNOTATION + place, encode_json(value).decode())
        return changed

    def _apply(
        self, hook: ConfiguredWebhook, verdict: Verdict, place: str, attributes: Attributes, current: CurrentObject
    ) -> bool:
        if not verdict.patch:
            return False
        try:
            patch = JSONPatch.parse(verdict.patch)
        except (BadRequestError, StatusError) as error:
            raise CallError(hook.name, f"received undecodable patch in webhook response: {error}") from error
        if not patch.operations:
            return False
        if current.object is None:
            raise InternalError(
                f'admission webhook "{hook.name}" attempted to modify the object, which is not supported for this operation'
            )
        if verdict.patch_type != PATCH_TYPE_JSON_PATCH:
            raise CallError(hook.name, f'unsupported patch type "{verdict.patch_type}"')
        changed = current.patch(patch)
        value = encode_json({"configuration": hook.configuration, "webhook": hook.name}).removesuffix(b"}")
        operations = encode_with_literals([sort_keys(operation) for operation in patch.operations])
        value += b',"patch":' + operations + b',"patchType":"JSONPatch"}'
        attributes.add_annotation(PATCH_ANNOTATION + place, value.decode(), level=AuditLevel.REQUEST)
        return changed
