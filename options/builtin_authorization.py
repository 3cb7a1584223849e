"""BuiltInAuthorizationOptions: a server that decides by itself, by roles and webhooks, in the order it is told.

Source: pkg/kubeapiserver/options/authorization.go and pkg/kubeapiserver/authorizer of k8s.io/kubernetes. Beyond it:
--authorization-rbac-files, roles and bindings from files, and --authorization-always-allow-paths of the other options.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.lines import describe_errors
from genericapiserver.apis import apiserver_config_v1_authorization as config_types
from genericapiserver.apis.apiserver_config_v1_authorization import WEBHOOK
from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP
from genericapiserver.authorization.configuration import ConfiguredAuthorizer, Webhook, read_configuration
from genericapiserver.authorization.delegating import ALWAYS_ALLOW_PATHS
from genericapiserver.authorization.interfaces import Decision
from genericapiserver.authorization.path import PathAuthorizer
from genericapiserver.authorization.webhook import VERSIONS, subject_access_review_path
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.options.authorizer_chain import AuthorizerChain, ConfiguredFile
from genericapiserver.options.config_file import ConfigFileError, decode_config
from genericapiserver.options.flags import DURATION, STRING, STRINGS, FlagSet
from genericapiserver.options.texts import reason

ALWAYS_ALLOW, ALWAYS_DENY, RBAC, ABAC, NODE = "AlwaysAllow", "AlwaysDeny", "RBAC", "ABAC", "Node"
MODES: Final = (ALWAYS_ALLOW, ALWAYS_DENY, ABAC, WEBHOOK, RBAC, NODE)
"""Every mode of the reference."""
BUILT: Final = (ALWAYS_ALLOW, ALWAYS_DENY, RBAC, WEBHOOK)
NOT_BUILT: Final = {
    ABAC: "policies of this kind are not read: write them as roles and use RBAC",
    NODE: "this server has no nodes to decide about",
}
FILES_HOOK: Final = "start-authorization-files-controller"
DEFAULT_VERSION: Final = "v1beta1"
DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL = 300.0, 30.0
WEBHOOK_TIMEOUT: Final = 30.0
DEFAULT_WEBHOOK_NAME: Final = "default"


@attrs.define(kw_only=True)
class BuiltInAuthorizationOptions:
    """Members of privileged groups may do everything, and everybody may use certain paths; then the modes are asked.

    *default_modes* hold when neither a mode nor a configuration file is given. With *watch_rbac* the roles and bindings
    that the server itself serves count for RBAC.
    """

    default_modes: Sequence[str] = (ALWAYS_ALLOW,)
    modes: list[str] = attrs.field(factory=list)
    config_file: str = ""
    policy_file: str = ""
    webhook_config_file: str = ""
    webhook_version: str = DEFAULT_VERSION
    webhook_cache_authorized_ttl: float = DEFAULT_AUTHORIZED_TTL
    webhook_cache_unauthorized_ttl: float = DEFAULT_UNAUTHORIZED_TTL
    webhook_retry_backoff: RetryBackoff = attrs.field(factory=RetryBackoff)
    rbac_files: list[str] = attrs.field(factory=list)
    always_allow_paths: list[str] = attrs.field(factory=lambda: list(ALWAYS_ALLOW_PATHS))
    always_allow_groups: list[str] = attrs.field(factory=lambda: [SYSTEM_PRIVILEGED_GROUP])
    watch_rbac: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "authorization-mode",
                STRINGS,
                "modes",
                "Ordered list of plug-ins to do authorization on secure port. Defaults to "
                f"{','.join(self.default_modes)} if --authorization-config is not used. Comma-delimited list of: "
                f"{','.join(BUILT)}.",
            ),
            (
                "authorization-config",
                STRING,
                "config_file",
                "File with Authorization Configuration to configure the authorizer chain. It is read again when it "
                "changes. This flag is mutually exclusive with the other --authorization-mode and "
                "--authorization-webhook-* flags.",
            ),
            (
                "authorization-policy-file",
                STRING,
                "policy_file",
                "File with authorization policy in json line by line format, used with --authorization-mode=ABAC.",
            ),
            (
                "authorization-webhook-config-file",
                STRING,
                "webhook_config_file",
                "File with webhook configuration in kubeconfig format, used with --authorization-mode=Webhook. The API "
                "server will query the remote service to determine access on the API server's secure port.",
            ),
            (
                "authorization-webhook-version",
                STRING,
                "webhook_version",
                "The API version of the authorization.k8s.io SubjectAccessReview to send to and expect from the "
                "webhook.",
            ),
            (
                "authorization-webhook-cache-authorized-ttl",
                DURATION,
                "webhook_cache_authorized_ttl",
                "The duration to cache 'authorized' responses from the webhook authorizer.",
            ),
            (
                "authorization-webhook-cache-unauthorized-ttl",
                DURATION,
                "webhook_cache_unauthorized_ttl",
                "The duration to cache 'unauthorized' responses from the webhook authorizer.",
            ),
            (
                "authorization-rbac-files",
                STRINGS,
                "rbac_files",
                "Files, or folders of files, with roles and bindings of rbac.authorization.k8s.io/v1 in YAML or JSON, "
                "used with the mode RBAC. They are read again when they change.",
            ),
            (
                "authorization-always-allow-paths",
                STRINGS,
                "always_allow_paths",
                "A list of HTTP paths to skip during authorization.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)

    def validate(self) -> list[str]:
        problems = self._file_problems() if self.config_file else self._flag_problems()
        if self.webhook_retry_backoff.steps <= 0:
            steps = self.webhook_retry_backoff.steps
            problems.append(f"number of webhook retry attempts must be greater than 0, but is: {steps}")
        try:
            PathAuthorizer(self.always_allow_paths)
        except ValueError as error:
            problems.append(f"--authorization-always-allow-paths: {error}")
        return problems

    def _file_problems(self) -> list[str]:
        if self._legacy_flags_are_set():
            return [
                "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* "
                "flags are defined"
            ]
        try:
            authorizers = load_authorization_configuration(Path(self.config_file))[1]
        except ConfigError as error:
            return [str(error)]
        if self.rbac_files and RBAC not in {authorizer.type for authorizer in authorizers}:
            return ["cannot specify --authorization-rbac-files without an authorizer of type RBAC"]
        return []

    def _legacy_flags_are_set(self) -> bool:
        return bool(self.modes or self.webhook_config_file or self.policy_file) or (
            self.webhook_version,
            self.webhook_cache_authorized_ttl,
            self.webhook_cache_unauthorized_ttl,
        ) != (DEFAULT_VERSION, DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL)

    def _flag_problems(self) -> list[str]:
        modes = self._modes()
        problems: list[str] = []
        for mode in modes:
            if mode not in MODES:
                problems.append(f"authorization-mode {quote(mode)} is not a valid mode")
            elif mode in NOT_BUILT:
                problems.append(f"authorization-mode {quote(mode)} is not available in this version: {NOT_BUILT[mode]}")
        if WEBHOOK in modes and not self.webhook_config_file:
            problems.append("authorization-mode Webhook's authorization config file not passed")
        if self.policy_file:
            problems.append("cannot specify --authorization-policy-file without mode ABAC")
        if self.webhook_config_file and WEBHOOK not in modes:
            problems.append("cannot specify --authorization-webhook-config-file without mode Webhook")
        if self.rbac_files and RBAC not in modes:
            problems.append("cannot specify --authorization-rbac-files without mode RBAC")
        if len(set(modes)) != len(modes):
            listed = " ".join(map(quote, modes))
            problems.append(f"authorization-mode [{listed}] has mode specified more than once")
        if WEBHOOK in modes and self.webhook_version not in VERSIONS:
            try:
                subject_access_review_path(self.webhook_version)
            except ValueError as error:
                problems.append(str(error))
        return problems

    def _modes(self) -> Sequence[str]:
        return self.modes or self.default_modes

    def apply_to(self, config: RecommendedConfig) -> None:
        """Give *config* its authorizer, and a hook that keeps it current with its files. Raises ConfigError."""
        chain = AuthorizerChain(
            config,
            rbac_files=self.rbac_files,
            watch_rbac=self.watch_rbac,
            always_allow_groups=self.always_allow_groups,
            always_allow_paths=self.always_allow_paths,
            retry_backoff=self.webhook_retry_backoff,
        )
        if self.config_file:
            data, authorizers = load_authorization_configuration(Path(self.config_file))
            file = ConfiguredFile(Path(self.config_file), data, load_authorization_configuration)
        else:
            authorizers, file = self._from_flags(), None
        config.authorization.authorizer = chain.build(authorizers, file)
        config.add_cleanup(chain.aclose)
        if file is not None or self.rbac_files:

            async def start(context: PostStartHookContext) -> None:
                for watching in chain.watches():
                    context.spawn(watching)

            config.add_post_start_hook(FILES_HOOK, start)

    def _from_flags(self) -> list[ConfiguredAuthorizer]:
        webhook = Webhook(
            name=DEFAULT_WEBHOOK_NAME,
            authorized_ttl=self.webhook_cache_authorized_ttl,
            unauthorized_ttl=self.webhook_cache_unauthorized_ttl,
            timeout=WEBHOOK_TIMEOUT,
            version=self.webhook_version,
            decision_on_error=Decision.NO_OPINION,
            kubeconfig=self.webhook_config_file,
        )
        return [
            ConfiguredAuthorizer(type=mode, name=mode.lower(), webhook=webhook if mode == WEBHOOK else None)
            for mode in self._modes()
        ]


def load_authorization_configuration(path: Path) -> tuple[bytes, list[ConfiguredAuthorizer]]:
    """The content of the file at *path*, and the authorizers it asks for. Raises ConfigError, naming file and line."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--authorization-config: {reason(error)}") from error
    scheme = Scheme("authorization-config")
    config_types.add_to_scheme(scheme)
    try:
        configuration = decode_config(data, scheme)
    except ConfigFileError as error:
        raise ConfigError(f"--authorization-config {path}: {error}") from error
    authorizers, errors = read_configuration(configuration, BUILT)
    if errors:
        texts = describe_errors(errors, data)
        listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        raise ConfigError(f"--authorization-config {path}: {listed}")
    return data, authorizers
