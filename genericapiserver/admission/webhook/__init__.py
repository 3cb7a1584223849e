"""Webhooks: writes are sent to other servers, which allow, refuse or change them.

    informer of configurations -> WebhookSource -> ConfiguredWebhook: rules and selectors, compiled once
      -> Matcher -> WebhookCaller: an AdmissionReview over HTTPS, its answer checked
      -> MutatingWebhooks (one after the other, patches) or ValidatingWebhooks (all at once)

Nothing here fails open unless the webhook's failurePolicy says Ignore, and even then an answer that says no is a no.
Go: pkg/admission/plugin/webhook.
"""

from genericapiserver.admission.webhook.caller import WebhookCaller
from genericapiserver.admission.webhook.client import ServiceResolver, WebhookClients
from genericapiserver.admission.webhook.mutating import MutatingWebhooks
from genericapiserver.admission.webhook.validating import ValidatingWebhooks

__all__ = ["MutatingWebhooks", "ServiceResolver", "ValidatingWebhooks", "WebhookCaller", "WebhookClients"]
