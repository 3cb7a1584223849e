"""The order of the filters, outermost first, in one list.

Each row wraps the one below it, and the last row wraps the director. Why the order matters is said in docs/architecture.md
and, row by row, in pkg/server/config.go of k8s.io/apiserver (DefaultBuildHandlerChain), whose order this is. There are no
rows for what makes no difference here: audit initialisation and the received time are part of making the RequestContext.
"""

from collections.abc import Callable, Sequence

from genericapiserver.apimachinery.meta import STATUS_FAILURE, Status
from genericapiserver.asgi import Handler, Scope
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.authentication.metrics import AuthenticationMetrics
from genericapiserver.authentication.user import ALL_UNAUTHENTICATED, ANONYMOUS, UserInfo
from genericapiserver.authorization.metrics import AuthorizationMetrics
from genericapiserver.config import CompletedConfig, Config
from genericapiserver.features import CONSTRAINED_IMPERSONATION, UNAUTHENTICATED_HTTP2_DOS_MITIGATION
from genericapiserver.filters.audit import TIMED_OUT, AuditSink, with_audit, with_failed_request_audit
from genericapiserver.filters.authentication import attempted_methods, unauthorized, with_authentication
from genericapiserver.filters.authorization import with_authorization
from genericapiserver.filters.cache_control import with_cache_control
from genericapiserver.filters.constrained_impersonation import with_constrained_impersonation
from genericapiserver.filters.cors import with_cors
from genericapiserver.filters.exception_recovery import with_exception_recovery
from genericapiserver.filters.goaway import with_probabilistic_goaway
from genericapiserver.filters.hsts import with_hsts
from genericapiserver.filters.http_logging import with_http_logging
from genericapiserver.filters.impersonation import with_impersonation
from genericapiserver.filters.in_flight_tracking import with_in_flight_tracking
from genericapiserver.filters.max_in_flight import with_max_in_flight_limit
from genericapiserver.filters.metrics import FilterMetrics, RequestMetrics
from genericapiserver.filters.mux_and_discovery_complete import with_mux_and_discovery_complete
from genericapiserver.filters.priority_and_fairness import with_priority_and_fairness
from genericapiserver.filters.request_deadline import with_request_deadline
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.filters.responses import SendStatusError
from genericapiserver.filters.retry_after import with_retry_after
from genericapiserver.filters.timeout import with_timeout
from genericapiserver.filters.tracing import with_tracer, with_tracing
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.filters.watch_termination import with_watch_termination
from genericapiserver.request import RequestContext

Filter = Callable[[Handler], Handler]


def default_build_handler_chain(handler: Handler, completed: CompletedConfig) -> Handler:
    """Put the default filters around *handler*."""
    for _, wrap in reversed(default_filters(completed)):
        handler = wrap(handler)
    return handler


def default_filters(completed: CompletedConfig) -> Sequence[tuple[str, Filter]]:
    """(name, filter) pairs, outermost first. A filter that its configuration switches off returns its handler."""
    config, signals = completed.config, completed.config.lifecycle_signals
    authentication, authorization = config.authentication, config.authorization
    send_error: SendStatusError = completed.send_error
    requests, latency = RequestMetrics(config.metrics), FilterMetrics(config.metrics)
    close_http2 = config.feature_gate.enabled(UNAUTHENTICATED_HTTP2_DOS_MITIGATION)
    grace = config.shutdown_watch_termination_grace_period
    sink = _audit_sink(config)
    return [
        (
            "request_info",
            lambda handler: with_request_info(
                handler,
                resolver=completed.request_info_factory,
                long_running=config.long_running,
                clock=config.clock,
                observer=config.notable_requests if config.enable_inspector else None,
            ),
        ),
        ("exception_recovery", lambda handler: with_exception_recovery(handler, metrics=requests)),
        (
            "mux_and_discovery_complete",
            lambda handler: with_mux_and_discovery_complete(handler, complete=signals.mux_and_discovery_complete),
        ),
        ("http_logging", lambda handler: with_http_logging(handler, clock=config.clock)),
        (
            "retry_after",
            lambda handler: with_retry_after(
                handler,
                not_accepting=signals.not_accepting_new_request if config.shutdown_send_retry_after else None,
            ),
        ),
        ("hsts", lambda handler: with_hsts(handler, directives=config.hsts_directives)),
        ("cache_control", with_cache_control),
        ("probabilistic_goaway", lambda handler: with_probabilistic_goaway(handler, chance=config.goaway_chance)),
        (
            "watch_termination",
            lambda handler: with_watch_termination(handler, watches=config.watch_requests) if grace > 0 else handler,
        ),
        (
            "in_flight_tracking",
            lambda handler: with_in_flight_tracking(handler, in_flight=config.non_long_running_requests),
        ),
        (
            "request_deadline",
            lambda handler: with_request_deadline(
                handler,
                maximum=config.request_timeout,
                send_error=send_error,
                failure_filter=lambda failed: with_failed_request_audit(failed, sink, status=_bad_request),
            ),
        ),
        (
            "timeout",
            lambda handler: with_timeout(
                handler,
                metrics=requests,
                failure_filter=lambda failed: with_failed_request_audit(failed, sink, status=_timed_out),
            ),
        ),
        ("warning_recorder", with_warning_recorder),
        ("cors", lambda handler: with_cors(handler, allowed_origins=config.cors_allowed_origins)),
        ("tracer", lambda handler: with_tracer(handler, config.tracer)),
        (
            "authentication",
            lambda handler: with_authentication(
                handler,
                authentication.authenticator,
                failed=with_failed_request_audit(
                    unauthorized(send_error=send_error, close_unauthenticated_http2=close_http2),
                    sink,
                    status=_unauthenticated,
                ),
                api_audiences=authentication.api_audiences,
                request_header_config=authentication.request_header_config,
                close_unauthenticated_http2=close_http2,
                metrics=AuthenticationMetrics(config.metrics),
                observe_latency=latency.observe("authentication"),
            ),
        ),
        ("tracing", lambda handler: with_tracing(handler, config.tracer)),
        (
            "audit",
            lambda handler: with_audit(handler, sink, clock=config.clock, observe_latency=latency.observe("audit")),
        ),
        ("impersonation", lambda handler: _with_impersonation(handler, completed, latency)),
        overload_protection(completed, requests, latency),
        (
            "authorization",
            lambda handler: with_authorization(
                handler,
                authorization.authorizer,
                send_error=send_error,
                metrics=AuthorizationMetrics(config.metrics),
                observe_latency=latency.observe("authorization"),
            ),
        ),
    ]


def _with_impersonation(handler: Handler, completed: CompletedConfig, latency: FilterMetrics) -> Handler:
    config = completed.config
    authorizer = config.authorization.authorizer
    if not config.feature_gate.enabled(CONSTRAINED_IMPERSONATION):
        return with_impersonation(
            handler,
            authorizer,
            send_error=completed.send_error,
            observe_latency=latency.observe("impersonation"),
        )
    return with_constrained_impersonation(
        handler,
        authorizer,
        send_error=completed.send_error,
        clock=config.clock,
        observe_latency=latency.observe("constrainedimpersonation"),
    )


def _audit_sink(config: Config) -> AuditSink | None:
    if config.audit_backend is None or config.audit_policy is None:
        return None
    return AuditSink(
        config.audit_backend, config.audit_policy, metrics=AuditMetrics(config.metrics), clock=config.clock
    )


def _bad_request(context: RequestContext, scope: Scope) -> Status:
    return Status(status=STATUS_FAILURE, message="invalid timeout specified in the request URL", code=400)


def _timed_out(context: RequestContext, scope: Scope) -> Status:
    return TIMED_OUT


def _unauthenticated(context: RequestContext, scope: Scope) -> Status:
    # The text shows only if the failure handler answers without a Status.
    return Status(message=attempted_methods(context, scope))


def overload_protection(
    completed: CompletedConfig, requests: RequestMetrics, latency: FilterMetrics
) -> tuple[str, Filter]:
    """Fair queuing where it is configured; else plain limits."""
    config = completed.config
    flow_control = config.flow_control
    if flow_control is None:
        return (
            "max_in_flight_limit",
            lambda handler: with_max_in_flight_limit(handler, limits=completed.in_flight_limits, metrics=requests),
        )
    asks_nobody = config.authentication.authenticator is None
    return (
        "priority_and_fairness",
        lambda handler: with_priority_and_fairness(
            handler,
            flow_control=flow_control,
            clock=config.clock,
            request_timeout=config.request_timeout,
            nobody=UserInfo(name=ANONYMOUS, groups=(ALL_UNAUTHENTICATED,)) if asks_nobody else None,
            watermarks=completed.watermarks,
            metrics=requests,
            observe_latency=latency.observe("priorityandfairness"),
        ),
    )
