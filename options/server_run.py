"""ServerRunOptions: the universal flags: limits, timeouts, shutdown, CORS, HSTS, versions and gates.

Source: pkg/server/options/server_run_options.go of k8s.io/apiserver.
"""

import ipaddress
import re

import attrs

from genericapiserver.component import ComponentGlobalsRegistry, FeatureGateError, VersionError
from genericapiserver.config import MEBIBYTE, Config, ConfigError
from genericapiserver.options.flags import BOOL, DURATION, FLOAT, INT, IP, STRING, STRINGS, FlagSet
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.options.texts import NOT_AVAILABLE, refused

CORS_HELP = (
    "List of allowed origins for CORS, comma separated. An allowed origin can be a regular expression to support "
    "subdomain matching. If this list is empty CORS will not be enabled. Please ensure each expression matches the "
    "entire hostname by anchoring to the start with '^' or including the '//' prefix, and by anchoring to the end with "
    "'$' or including the ':' port separator suffix."
)
_HSTS_ALLOWED = re.compile(r"includeSubDomains|preload|max-age=[^=]*")


@attrs.define(kw_only=True)
class ServerRunOptions:
    """What every API server can be told, whatever it serves. Times are in seconds."""

    advertise_address: str = ""
    cors_allowed_origins: list[str] = attrs.field(factory=list)
    hsts_directives: list[str] = attrs.field(factory=list)
    external_host: str = ""
    max_requests_in_flight: int = 400
    max_mutating_requests_in_flight: int = 200
    request_timeout: float = 60.0
    goaway_chance: float = 0.0
    livez_grace_period: float = 0.0
    min_request_timeout: int = 1800
    storage_initialization_timeout: float = 60.0
    shutdown_delay_duration: float = 0.0
    shutdown_send_retry_after: bool = False
    shutdown_watch_termination_grace_period: float = 0.0
    json_patch_max_copy_bytes: int = 3 * MEBIBYTE
    max_request_body_bytes: int = 3 * MEBIBYTE
    emulation_forward_compatible: bool = False
    runtime_config_emulation_forward_compatible: bool = False
    components: ComponentGlobalsRegistry | None = None
    """Whose versions and gates `--emulated-version`, `--min-compatibility-version` and `--feature-gates` set."""
    component_name: str = "kube"
    """The component among them that this server is."""

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "advertise-address",
                IP,
                "advertise_address",
                "The IP address on which to advertise the server to clients.",
            ),
            ("cors-allowed-origins", STRINGS, "cors_allowed_origins", CORS_HELP),
            (
                "strict-transport-security-directives",
                STRINGS,
                "hsts_directives",
                "List of directives for HSTS, comma separated. If this list is empty, then HSTS directives will not be "
                "added. Example: 'max-age=31536000,includeSubDomains,preload'",
            ),
            ("external-hostname", STRING, "external_host", "The hostname to use when generating externalized URLs."),
            (
                "max-requests-inflight",
                INT,
                "max_requests_in_flight",
                "The most non-mutating requests served at one time; more are turned away. Zero for no limit.",
            ),
            (
                "max-mutating-requests-inflight",
                INT,
                "max_mutating_requests_in_flight",
                "The most mutating requests served at one time; more are turned away. Zero for no limit.",
            ),
            (
                "request-timeout",
                DURATION,
                "request_timeout",
                "How long a request may take before it times out. Watches have --min-request-timeout instead.",
            ),
            (
                "goaway-chance",
                FLOAT,
                "goaway_chance",
                "The fraction of HTTP/2 requests whose connection is closed after them, so that clients spread anew over "
                "several servers. At most 0.02; zero turns it off.",
            ),
            (
                "livez-grace-period",
                DURATION,
                "livez_grace_period",
                "How long after its start the server counts as alive while its post-start hooks are not done.",
            ),
            (
                "min-request-timeout",
                INT,
                "min_request_timeout",
                "The least number of seconds that a watch is kept open; the actual time is random above it.",
            ),
            (
                "storage-initialization-timeout",
                DURATION,
                "storage_initialization_timeout",
                "How long to wait for storage to be ready before the server counts as ready anyway.",
            ),
            (
                "shutdown-delay-duration",
                DURATION,
                "shutdown_delay_duration",
                "How long to go on serving after a signal to stop, so that load balancers see /readyz fail.",
            ),
            (
                "shutdown-send-retry-after",
                BOOL,
                "shutdown_send_retry_after",
                "Keep listening while requests in flight finish, and answer new ones with 429 and Retry-After.",
            ),
            (
                "shutdown-watch-termination-grace-period",
                DURATION,
                "shutdown_watch_termination_grace_period",
                "How long open watches may take to end when the server stops. Zero: they are not waited for.",
            ),
            (
                "emulation-forward-compatible",
                BOOL,
                "emulation_forward_compatible",
                f"Serve, beside the versions of the emulated release, later stable ones of the same groups. {NOT_AVAILABLE}",
            ),
            (
                "runtime-config-emulation-forward-compatible",
                BOOL,
                "runtime_config_emulation_forward_compatible",
                f"Let --runtime-config name versions that came after the emulated release. {NOT_AVAILABLE}",
            ),
        ):
            flags.add(name, kind, self, attribute, text)
        if self.components is not None:
            add_component_flags(flags, self.components)

    def validate(self) -> list[str]:
        problems = [
            f"--{flag} can not be negative value"
            for flag, value in (
                ("max-requests-inflight", self.max_requests_in_flight),
                ("max-mutating-requests-inflight", self.max_mutating_requests_in_flight),
                ("request-timeout", self.request_timeout),
                ("min-request-timeout", self.min_request_timeout),
                ("storage-initialization-timeout", self.storage_initialization_timeout),
                ("shutdown-delay-duration", self.shutdown_delay_duration),
            )
            if value < 0
        ]
        if self.livez_grace_period < 0:
            problems.append("--livez-grace-period can not be a negative value")
        if self.shutdown_watch_termination_grace_period < 0:
            problems.append("shutdown-watch-termination-grace-period, if provided, can not be a negative value")
        if not 0 <= self.goaway_chance <= 0.02:
            problems.append("--goaway-chance can not be less than 0 or greater than 0.02")
        if self.json_patch_max_copy_bytes < 0:
            problems.append("ServerRunOptions.JSONPatchMaxCopyBytes can not be negative value")
        if self.max_request_body_bytes < 0:
            problems.append("ServerRunOptions.MaxRequestBodyBytes can not be negative value")
        problems += validate_hsts(self.hsts_directives)
        problems += validate_cors(self.cors_allowed_origins)
        if self.components is not None:
            problems += self.components.validate()
        return problems + self._validate_forward_compatibility()

    def _validate_forward_compatibility(self) -> list[str]:
        asked = [
            (flag, field)
            for flag, field, value in (
                ("emulation-forward-compatible", "EmulationForwardCompatible", self.emulation_forward_compatible),
                (
                    "runtime-config-emulation-forward-compatible",
                    "RuntimeConfigEmulationForwardCompatible",
                    self.runtime_config_emulation_forward_compatible,
                ),
            )
            if value
        ]
        if not asked:
            return []
        if self._emulates():
            return [refused(flag) for flag, _ in asked]
        return [
            f"ServerRunOptions.{field} cannot be set to true if the emulation version is the same as the binary version"
            for _, field in asked
        ]

    def _emulates(self) -> bool:
        if self.components is None:
            return False
        version = self.components.version_of(self.component_name)
        return version.binary_version is not None and version.binary_version.major_minor != version.emulation_version

    def default_advertise_address(self, secure: SecureServingOptions) -> None:
        """Advertise the address of *secure* unless one was given. Raises ConfigError when there is none."""
        if self.advertise_address and not ipaddress.ip_address(self.advertise_address).is_unspecified:
            return
        try:
            self.advertise_address = secure.default_external_address()
        except OSError as error:
            raise ConfigError(
                f"Unable to find suitable network address.error='{error}'. Try to set the AdvertiseAddress directly or "
                "provide a valid BindAddress to fix this."
            ) from error

    def apply_to(self, config: Config) -> None:
        """Fill *config*; with `components`, its version and gates too. Raises ConfigError for flags that contradict."""
        if self.components is not None:
            try:
                self.components.set_fallback()
                config.effective_version = self.components.version_of(self.component_name)
                gate = self.components.gate_of(self.component_name)
            except (VersionError, FeatureGateError) as error:
                raise ConfigError(str(error)) from error
            if gate is not None:
                config.feature_gate = gate
        config.cors_allowed_origins = self.cors_allowed_origins
        config.hsts_directives = self.hsts_directives
        config.external_address = self.external_host
        config.public_address = self.advertise_address
        config.max_requests_in_flight = self.max_requests_in_flight
        config.max_mutating_requests_in_flight = self.max_mutating_requests_in_flight
        config.request_timeout = self.request_timeout
        config.goaway_chance = self.goaway_chance
        config.livez_grace_period = self.livez_grace_period
        config.min_request_timeout = float(self.min_request_timeout)
        config.storage_initialization_timeout = self.storage_initialization_timeout
        config.shutdown_delay_duration = self.shutdown_delay_duration
        config.shutdown_send_retry_after = self.shutdown_send_retry_after
        config.shutdown_watch_termination_grace_period = self.shutdown_watch_termination_grace_period
        config.json_patch_max_copy_bytes = self.json_patch_max_copy_bytes
        config.max_request_body_bytes = self.max_request_body_bytes


def add_component_flags(flags: FlagSet, components: ComponentGlobalsRegistry) -> None:
    """The three flags of a component registry; they take effect at `components.set()`."""
    for name, attribute, text in (
        (
            "emulated-version",
            "emulated_versions",
            "The versions different components emulate their capabilities (APIs, features, ...) of, as "
            "component=major.minor or major.minor (component kube).",
        ),
        (
            "min-compatibility-version",
            "min_compatibility_versions",
            "The oldest version of the control plane that different components must be compatible with, as "
            "component=major.minor.",
        ),
        (
            "feature-gates",
            "feature_gates",
            "Feature gates by component, as component:key=value pairs. Options are: "
            + ", ".join(components.known_features()),
        ),
    ):
        flags.add(name, STRINGS, components, attribute, text)


def validate_hsts(directives: list[str]) -> list[str]:
    problems = []
    for directive in directives:
        if not directive.strip():
            problems.append("empty value in strict-transport-security-directives")
        elif not _HSTS_ALLOWED.fullmatch(directive):
            problems.append(
                "--strict-transport-security-directives invalid, allowed values: max-age=expireTime, "
                "includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information"
            )
    return problems


def validate_cors(origins: list[str]) -> list[str]:
    """A regular expression that does not pin both ends of a host would let a stranger's host pass."""
    problems = []
    for origin in origins:
        if not origin:
            problems.append(f"empty value in --cors-allowed-origins, help: {CORS_HELP}")
            continue
        cause = ""
        try:
            re.compile(origin)
        except re.error as error:
            cause = f"error parsing regexp: {error}"
        else:
            if not (("^" in origin or "//" in origin) and ("$" in origin or ":" in origin)):
                cause = "regular expression does not pin to start/end of host in the origin header"
        if cause:
            problems.append(f"--cors-allowed-origins has an invalid regular expression: {cause}, help: {CORS_HELP}")
    return problems
