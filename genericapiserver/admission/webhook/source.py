"""The webhooks that are configured, ready to be matched. Go: pkg/admission/configuration, plugin/webhook/accessors.go."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from genericapiserver.admission.matching import Criteria
from genericapiserver.admission.webhook.conditions import MatchConditions
from genericapiserver.aio import Signal
from genericapiserver.apis.admissionregistration_v1 import (
    IGNORE,
    REINVOKE_IF_NEEDED,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)

Webhook: TypeAlias = MutatingWebhook | ValidatingWebhook
Configuration: TypeAlias = MutatingWebhookConfiguration | ValidatingWebhookConfiguration
CompileConditions: TypeAlias = Callable[[Webhook], MatchConditions | None]


class ConfigurationInformer(Protocol):
    """What is needed of an informer: its objects, whether it has them, and word of changes."""

    @property
    def synced(self) -> Signal: ...

    def __iter__(self) -> Any: ...

    def add_listener(self, listener: Callable[[], None]) -> None: ...


@attrs.frozen(eq=False, kw_only=True)
class ConfiguredWebhook:
    """One webhook of one configuration."""

    uid: str
    """Tells webhooks apart, those of one name in one configuration included."""
    configuration: str
    webhook: Webhook
    criteria: Criteria
    conditions: MatchConditions | None = None

    @property
    def name(self) -> str:
        return self.webhook.name

    @property
    def ignores_failures(self) -> bool:
        """Whether writes go on when the webhook cannot be asked; anything but a clear Ignore means no."""
        return self.webhook.failure_policy == IGNORE

    @property
    def wants_reinvocation(self) -> bool:
        return getattr(self.webhook, "reinvocation_policy", None) == REINVOKE_IF_NEEDED


def configured_webhooks(
    configuration: Configuration, compile_conditions: CompileConditions | None = None
) -> list[ConfiguredWebhook]:
    """The webhooks of *configuration* in their order, compiled."""
    seen: dict[str, int] = {}
    made = []
    for webhook in configuration.webhooks:
        number = seen.get(webhook.name, 0)
        seen[webhook.name] = number + 1
        made.append(
            ConfiguredWebhook(
                uid=f"{configuration.metadata.name}/{webhook.name}/{number}",
                configuration=configuration.metadata.name,
                webhook=webhook,
                criteria=Criteria.compile(
                    rules=webhook.rules,
                    match_policy=webhook.match_policy,
                    namespace_selector=webhook.namespace_selector,
                    object_selector=webhook.object_selector,
                ),
                conditions=compile_conditions(webhook) if compile_conditions and webhook.match_conditions else None,
            )
        )
    return made


class WebhookSource:
    """The webhooks of all configurations that an informer holds: configurations by name, webhooks in their order.

    Compiled when they are first asked for after a change; configurations that did not change are kept as they are.
    """

    def __init__(self, informer: ConfigurationInformer, compile_conditions: CompileConditions | None = None) -> None:
        self.synced = informer.synced
        self._informer = informer
        self._compile_conditions = compile_conditions
        self._compiled: dict[str, tuple[Configuration, list[ConfiguredWebhook]]] = {}
        self._webhooks: Sequence[ConfiguredWebhook] | None = None
        informer.add_listener(self._changed)

    def webhooks(self) -> Sequence[ConfiguredWebhook]:
        """All of them, in the order in which they are called."""
        if self._webhooks is None:
            self._webhooks = tuple(self._compile(self._informer))
        return self._webhooks

    def _changed(self) -> None:
        self._webhooks = None

    def _compile(self, configurations: Iterable[Configuration]) -> Iterable[ConfiguredWebhook]:
        by_name = {configuration.metadata.name: configuration for configuration in configurations}
        compiled = {}
        for name in sorted(by_name):
            configuration, known = by_name[name], self._compiled.get(name)
            # The informer replaces objects that changed, and never changes one.
            if known is None or known[0] is not configuration:
                known = (configuration, configured_webhooks(configuration, self._compile_conditions))
            compiled[name] = known
        self._compiled = compiled
        return [webhook for _, webhooks in compiled.values() for webhook in webhooks]
