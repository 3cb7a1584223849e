"""What both webhook plugins share: where webhooks come from, how they are matched, when they are ready."""

from collections.abc import Sequence
from typing import Any

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.matching import Match, Matcher, is_exempt
from genericapiserver.admission.namespaces import Namespaces
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import ReadyHandler
from genericapiserver.admission.versioned import VersionedAttributes
from genericapiserver.admission.webhook.caller import WebhookCaller
from genericapiserver.admission.webhook.conditions import ConditionError
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics, WebhookType
from genericapiserver.admission.webhook.source import ConfiguredWebhook, WebhookSource
from genericapiserver.apimachinery.errors import ForbiddenError


class WebhookPlugin(ReadyHandler):
    """A base; `use` gives it what it works with, and until that has synced writes wait."""

    type: WebhookType

    def __init__(self) -> None:
        super().__init__(*Operation)
        self._source: WebhookSource | None = None
        self._caller: WebhookCaller | None = None
        self._matcher: Matcher | None = None
        self._condition_metrics: MatchConditionMetrics | None = None

    def use(
        self,
        *,
        source: WebhookSource,
        caller: WebhookCaller,
        namespaces: Namespaces,
        condition_metrics: MatchConditionMetrics | None = None,
    ) -> None:
        """Take webhooks from *source*, call them through *caller* and look labels up in *namespaces*."""
        self._source, self._caller, self._matcher = source, caller, Matcher(namespaces)
        self._condition_metrics = condition_metrics
        self.wait_for(source.synced, namespaces.synced)

    def validate_initialization(self) -> None:
        """Raises ValueError for a plugin that was never told where webhooks are configured."""
        if self._source is None:
            raise ValueError("kubernetes client is not properly setup")

    def is_idle(self) -> bool:
        """Whether every write passes at present, because no webhook is configured."""
        return self._source is not None and self.is_ready() and not self._source.webhooks()

    async def _webhooks(self, attributes: Attributes) -> Sequence[ConfiguredWebhook]:
        """The webhooks to match against. Raises ForbiddenError when nobody knows them yet."""
        if is_exempt(attributes):
            return ()
        if not self.is_ready():
            await self.require_ready(attributes)
        return () if self._source is None else self._source.webhooks()

    async def _match(
        self, hook: ConfiguredWebhook, attributes: Attributes, versioned: VersionedAttributes, current: Any = None
    ) -> Match | None:
        """By what *hook* is to be called about the write; None when it is not. Raises StatusError."""
        assert self._matcher is not None
        match = await self._matcher.match(hook.criteria, attributes, current=current)
        if match is None or hook.conditions is None:
            return match
        try:
            if await hook.conditions.hold(attributes, versioned.at(match.kind)):
                return match
        except ConditionError as error:
            # Under the policy Ignore such an error has been taken for false already.
            raise ForbiddenError(attributes.resource.group_resource, attributes.name, error) from error
        if self._condition_metrics is not None:
            self._condition_metrics.observe_exclusion(hook.name, "webhook", self.type, attributes.operation)
        return None
