"""Whether the server lives and is ready: the checks, and the pages /healthz, /livez and /readyz.

Lives here: HealthChecker, the checks that need no other room, the registries with their grace periods, the handlers.
Not here: which checks a server has. May import rooms of rows 0 and 1.
"""

from genericapiserver.healthz.checks import LOG, PING, HealthChecker, HealthCheckError, named_check, reason_of_failure
from genericapiserver.healthz.handlers import (
    install_handler,
    install_livez_handler,
    install_path_handler,
    install_readyz_handler,
)
from genericapiserver.healthz.metrics import HealthMetrics
from genericapiserver.healthz.registry import HealthCheckRegistry

__all__ = [
    "LOG",
    "PING",
    "HealthCheckError",
    "HealthCheckRegistry",
    "HealthChecker",
    "HealthMetrics",
    "install_handler",
    "install_livez_handler",
    "install_path_handler",
    "install_readyz_handler",
    "named_check",
    "reason_of_failure",
]
