"""ValidatingAdmissionWebhook: all webhooks that are concerned are asked at once. Go: plugin/webhook/validating."""

import asyncio
import logging
import time

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.matching import Match
from genericapiserver.admission.versioned import VersionedAttributes
from genericapiserver.admission.webhook.caller import check_deadline
from genericapiserver.admission.webhook.errors import CallError, RejectionError
from genericapiserver.admission.webhook.plugin import PATH, WebhookPlugin
from genericapiserver.admission.webhook.review import encoded
from genericapiserver.admission.webhook.source import ConfiguredWebhook
from genericapiserver.apimachinery.errors import InternalError, StatusError
from genericapiserver.apis.admissionregistration_v1 import ValidatingWebhookConfiguration
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

NAME = "ValidatingAdmissionWebhook"
FAILED_OPEN = "failed-open.validating.webhook.admission.k8s.io/round_0_index_"


class ValidatingWebhooks(WebhookPlugin):
    """Asks; refuses a write when one of the answers does."""

    step = "validating"
    configuration_type = ValidatingWebhookConfiguration
    configuration_path = f"{PATH}/validatingwebhookconfigurations"

    async def validate(self, attributes: Attributes) -> None:
        """Raises what the first answer that is no yes stands for; all answers are waited for before that."""
        hooks = await self._webhooks(attributes)
        if not hooks:
            return
        versioned = VersionedAttributes(attributes)
        relevant: list[tuple[ConfiguredWebhook, Match]] = []
        for hook in hooks:
            match = await self._match(hook, attributes, versioned)
            if match is not None:
                versioned.encoded_at(match.kind)
                relevant.append((hook, match))
        if not relevant:
            return
        check_deadline(attributes)
        refusals: list[StatusError] = []
        calls = [
            self._ask(hook, match, index, attributes, versioned, refusals)
            for index, (hook, match) in enumerate(relevant)
        ]
        if len(calls) == 1:
            await calls[0]
        else:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(call)
        if refusals:
            raise refusals[0]
        check_deadline(attributes)

    async def _ask(
        self,
        hook: ConfiguredWebhook,
        match: Match,
        index: int,
        attributes: Attributes,
        versioned: VersionedAttributes,
        refusals: list[StatusError],
    ) -> None:
        """One call; a no is added to *refusals*, so that the other calls go on."""
        assert self._caller is not None
        obj, old_object = map(encoded, versioned.encoded_at(match.kind))
        started = time.perf_counter()
        failed_open = f"{FAILED_OPEN}{index}"
        try:
            await self._caller.call(hook, attributes, match, obj=obj, old_object=old_object)
        except RejectionError as error:
            self._caller.observe(hook, self.step, attributes, started, error)
            refusals.append(error.status)
        except CallError as error:
            self._caller.observe(hook, self.step, attributes, started, error)
            if not hook.ignores_failures:
                logger.warning(kv("Failed calling webhook, failing closed", webhook=hook.name, err=error))
                refusals.append(InternalError(error))
                return
            self._let_pass(hook, attributes, failed_open, error, refusals)
        except Exception as error:
            logger.exception(kv("A webhook has failed in an unforeseen way", plugin=NAME, webhook=hook.name))
            if not hook.ignores_failures:
                refusals.append(InternalError(f"{NAME}/{hook.name} has panicked: {error}"))
                return
            self._let_pass(hook, attributes, failed_open, error, refusals)
        else:
            self._caller.observe(hook, self.step, attributes, started, None)

    def _let_pass(
        self, hook: ConfiguredWebhook, attributes: Attributes, key: str, why: Exception, refusals: list[StatusError]
    ) -> None:
        assert self._caller is not None
        try:
            self._caller.failed_open(hook, self.step, attributes, key, why)
        except StatusError as error:
            refusals.append(error)
