"""APIEnablementOptions: which of a program's APIs are served. Source: pkg/server/options/api_enablement.go."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.config import Config, ConfigError
from genericapiserver.options.flags import FlagSet, FlagType
from genericapiserver.resource_config import (
    API_ALL,
    STAGES,
    ResourceConfig,
    ResourceConfigError,
    group_of,
    merge_resource_config,
)

FLAG: Final = "runtime-config"
SETTINGS: Final = FlagType(
    "mapStringString",
    lambda text: [part.strip() for part in text.split(",") if part.strip()],
    lambda settings: ",".join(settings),
    appends=True,
)


@attrs.define(kw_only=True)
class APIEnablementOptions:
    """`--runtime-config`; without it everything that the program has is served."""

    runtime_config: list[str] = attrs.field(factory=list)
    """`key` or `key=value`; of two settings of one key the later counts."""
    fixed_groups: Collection[str] = ()
    """No flag: groups that this server itself reads, and that cannot be switched off under it."""

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            FLAG,
            SETTINGS,
            self,
            "runtime_config",
            "A set of key=value pairs that enable or disable built-in APIs: group/version[/resource]=true|false, "
            "api/all=true|false, and api/ga, api/beta, api/alpha for all versions of a stage.",
        )

    def settings(self) -> Mapping[str, str]:
        settings = {}
        for setting in self.runtime_config:
            key, _, value = setting.partition("=")
            settings[key.strip()] = value.strip()
        return settings

    def validate(self, known_groups: Collection[str]) -> list[str]:
        """*known_groups* are those that the program could serve."""
        settings = self.settings()
        if dict(settings) == {API_ALL: "false"}:
            return ["invalid key with only api/all=false"]
        problems, unknown = [], []
        for key in settings:
            if key in STAGES:
                continue
            try:
                group = group_of(key)
            except ResourceConfigError as error:
                problems.append(str(error))
            else:
                if group not in known_groups and group not in unknown:
                    unknown.append(group)
        if unknown:
            problems.append(f"unknown api groups {','.join(unknown)}")
        return problems

    def apply_to(self, config: Config, scheme: Scheme) -> None:
        """Have *config* serve what is left of the versions in *scheme*. Raises ConfigError."""
        if not self.runtime_config:
            return
        registered = scheme.prioritized_versions_all_groups()
        default = ResourceConfig(versions=dict.fromkeys(registered, True))
        try:
            merged = merge_resource_config(default, self.settings(), registered)
        except ResourceConfigError as error:
            raise ConfigError(f"--{FLAG}: {error}") from error
        if off := self._switched_off(merged):
            raise ConfigError(
                f"--{FLAG}: this server reads {', '.join(off)} itself; to leave a group out use --control-plane-groups"
            )
        config.merged_resource_config = merged

    def _switched_off(self, merged: ResourceConfig) -> Sequence[str]:
        versions = [
            str(version) for version, on in merged.versions.items() if not on and version.group in self.fixed_groups
        ]
        return versions + [
            f"{resource.group_version}/{resource.resource}"
            for resource, on in merged.resources.items()
            if not on and resource.group in self.fixed_groups
        ]
