"""What both webhook plugins share: where webhooks come from, how they are matched, when they are ready."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.matching import Match, Matcher, is_exempt
from genericapiserver.admission.metrics import WebhookCertificateMetrics
from genericapiserver.admission.namespaces import Namespaces
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import ReadyHandler
from genericapiserver.admission.versioned import VersionedAttributes
from genericapiserver.admission.webhook.caller import WebhookCaller
from genericapiserver.admission.webhook.client import ServiceResolver, WebhookClients
from genericapiserver.admission.webhook.conditions import ConditionError, MatchConditions
from genericapiserver.admission.webhook.credentials import WebhookCredentials, read_kubeconfig_file
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics, WebhookMetrics, WebhookType
from genericapiserver.admission.webhook.source import Configuration, ConfiguredWebhook, Webhook, WebhookSource
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.admissionregistration_v1 import GROUP_VERSION, IGNORE, set_configuration_defaults
from genericapiserver.authorization import Authorizer
from genericapiserver.client.informer import InformerFactory
from genericapiserver.metrics import MetricsRegistry

PATH: Final = f"/apis/{GROUP_VERSION}"
_CODEC: Final = CodecFactory(Scheme("webhook configurations"))


class WebhookPlugin(ReadyHandler):
    """A base. Initializers give it informers, namespaces and metrics; writes wait until it knows the first two."""

    step: WebhookType
    configuration_type: type[Configuration]
    configuration_path: str

    def __init__(self, clients: WebhookClients | None = None) -> None:
        super().__init__(*Operation)
        self._clients = clients or WebhookClients()
        self._metrics: MetricsRegistry | None = None
        self._authorizer: Authorizer | None = None
        self._informers: InformerFactory | None = None
        self._namespaces: Namespaces | None = None
        self._source: WebhookSource | None = None
        self._caller = WebhookCaller(self._clients)
        self._matcher: Matcher | None = None
        self._condition_metrics: MatchConditionMetrics | None = None

    @classmethod
    def from_configuration(cls, configuration: bytes | None, services: ServiceResolver | None = None) -> Self:
        """With what the admission configuration says of it. Raises ConfigurationError, KubeconfigError."""
        credentials = WebhookCredentials.from_file(read_kubeconfig_file(configuration))
        return cls(WebhookClients(credentials, services=services))

    def set_metrics(self, metrics: MetricsRegistry) -> None:
        self._caller = WebhookCaller(self._clients, WebhookMetrics(metrics))
        self._clients.metrics = WebhookCertificateMetrics(metrics)
        self._clients.requests = metrics
        self._condition_metrics = MatchConditionMetrics(metrics)

    def set_authorizer(self, authorizer: Authorizer | None) -> None:
        self._authorizer = authorizer

    def set_informers(self, informers: InformerFactory) -> None:
        self._informers = informers

    def set_namespaces(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def validate_initialization(self) -> None:
        """Raises ValueError for a plugin that was never told where webhooks are configured."""
        if self._informers is None or self._namespaces is None:
            raise ValueError("kubernetes client is not properly setup")
        informer = self._informers.informer(self.configuration_path, self._decode)
        self.use(source=WebhookSource(informer, self._compile_conditions), namespaces=self._namespaces)

    def use(self, *, source: WebhookSource, namespaces: Namespaces) -> None:
        """Take webhooks from *source*, and look labels up in *namespaces*."""
        self._source, self._matcher = source, Matcher(namespaces)
        self.wait_for(source.synced, namespaces.synced)

    async def aclose(self) -> None:
        """Close the connections to webhooks."""
        await self._clients.aclose()

    def _compile_conditions(self, webhook: Webhook) -> MatchConditions:
        return MatchConditions(
            webhook.match_conditions,
            name=webhook.name,
            kind="webhook",
            step=self.step,
            fails=webhook.failure_policy != IGNORE,
            authorizer=self._authorizer,
            metrics=self._condition_metrics,
        )

    def _decode(self, document: Mapping[str, Any]) -> Configuration:
        configuration = _CODEC.from_unstructured(document, self.configuration_type)[0]
        set_configuration_defaults(configuration)
        return configuration

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
            return match if await hook.conditions.hold(attributes, match, versioned.at(match.kind)) else None
        except ConditionError as error:
            # Under the policy Ignore such an error has been taken for false already.
            raise ForbiddenError(attributes.resource.group_resource, attributes.name, error) from error
