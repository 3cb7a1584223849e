"""The flags of `genericapiserver manifests`, and what it does."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.builder.manifests.folder import OutputFolder
from genericapiserver.builder.manifests.layouts import HELM, KUSTOMIZE, LAYOUTS, PKI, YAML, files_of, is_private
from genericapiserver.builder.manifests.plan import CERTIFICATES, OWN, STORAGES, Plan, ServedResource
from genericapiserver.builder.manifests.registration import NO_PAIR, ServingPair
from genericapiserver.builder.manifests.served import served_by
from genericapiserver.builder.pki import Authority
from genericapiserver.builder.program import load_options
from genericapiserver.config import ConfigError
from genericapiserver.options.flags import (
    BOOL,
    DURATION,
    STRING,
    STRINGS,
    FlagError,
    FlagSet,
    HelpRequested,
    aggregate,
    report,
)

_PLAN: Final[Any] = attrs.fields(Plan)
COMMAND: Final = "genericapiserver manifests"
_MANY: Final = "apiserver"
_FIELDS: Final = {
    "certificates",
    "cpu",
    "image",
    "memory",
    "memory_limit",
    "name",
    "namespace",
    "network_policy",
    "shutdown_delay",
    "storage",
    "storage_class",
    "storage_size",
}


@attrs.define(kw_only=True)
class ManifestOptions:
    """The flags. Those of a plan have its names."""

    file: str = ""
    format: str = KUSTOMIZE
    output_dir: str = ""
    force: bool = False
    group_versions: list[str] = attrs.field(factory=list)
    name: str = ""
    namespace: str = ""
    image: str = ""
    certificates: str = _PLAN.certificates.default
    storage: str = _PLAN.storage.default
    storage_size: str = _PLAN.storage_size.default
    storage_class: str = _PLAN.storage_class.default
    cpu: str = _PLAN.cpu.default
    memory: str = _PLAN.memory.default
    memory_limit: str = _PLAN.memory_limit.default
    shutdown_delay: float = _PLAN.shutdown_delay.default
    network_policy: bool = _PLAN.network_policy.default

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "image",
                STRING,
                "image",
                "The image to run. It has the file below /app, and genericapiserver on its PATH.",
            ),
            ("name", STRING, "name", "The name of everything; without it that of the file and -apiserver."),
            ("namespace", STRING, "namespace", "Where the server runs; without it the name."),
            ("format", STRING, "format", f"What to write, one of: {', '.join(LAYOUTS)}."),
            (
                "output-dir",
                STRING,
                "output_dir",
                "The folder to write to. Plain YAML goes to standard output without one.",
            ),
            ("force", BOOL, "force", "Overwrite files that this command has not written, or that were changed since."),
            (
                "group-versions",
                STRINGS,
                "group_versions",
                "The API to register, for an image that starts a server of its own: group/version, comma separated, the "
                "preferred version of a group first.",
            ),
            (
                "certificates",
                STRING,
                "certificates",
                f"Who makes the serving certificate, one of: {', '.join(CERTIFICATES)}.",
            ),
            ("storage", STRING, "storage", f"Where objects are kept, one of: {', '.join(STORAGES)}."),
            ("storage-size", STRING, "storage_size", "The size of the volume that objects are kept on."),
            ("storage-class", STRING, "storage_class", "The class of the volume; without it the cluster's default."),
            ("cpu", STRING, "cpu", "How much processor time to request."),
            ("memory", STRING, "memory", "How much memory to request."),
            ("memory-limit", STRING, "memory_limit", "How much memory the server may have at most."),
            (
                "shutdown-delay-duration",
                DURATION,
                "shutdown_delay",
                "How long the server goes on serving after it is told to stop, so that proxies hear of it.",
            ),
            ("network-policy", BOOL, "network_policy", "Let in nothing but connections to the API."),
        ):
            flags.add(name, kind, self, attribute, text)

    def validate(self) -> list[str]:
        problems = []
        if self.format not in LAYOUTS:
            problems.append(f"--format {quote(self.format)} invalid, allowed values: {', '.join(LAYOUTS)}")
        elif not self.output_dir and self.format in (KUSTOMIZE, HELM):
            problems.append(f"--output-dir is missing: --format={self.format} is a folder")
        elif not self.output_dir and self.certificates == OWN:
            problems.append(
                "--output-dir is missing: with --certificates=own an authority is kept there for the next time; "
                "--certificates=cert-manager needs none"
            )
        if self.file and self.group_versions:
            problems.append("--group-versions is for an image without a file; those of a file are found in it")
        return problems

    def plan(self) -> Plan:
        """Raises ConfigError for a file that cannot be served."""
        versions = [_group_version(text) for text in self.group_versions]
        resources: list[ServedResource] = []
        if self.file:
            versions, resources = asyncio.run(served_by(load_options(self.file)))
        stem = Path(self.file).stem.replace("_", "-").lower() if self.file else ""
        name = self.name or (f"{stem}-{_MANY}" if stem else "")
        said = {field: getattr(self, field) for field in _FIELDS}
        return Plan(
            **{**said, "name": name, "namespace": self.namespace or name},
            file=Path(self.file).name,
            group_versions=versions,
            resources=resources,
        )


def _group_version(text: str) -> GroupVersion:
    group, slash, version = text.partition("/")
    if not slash or "/" in version:
        raise ConfigError(f"--group-versions {quote(text)}: a group and a version, such as notes.example.com/v1")
    return GroupVersion(group, version)


def run_manifests(arguments: Sequence[str]) -> int:
    """Write the manifests that *arguments* ask for; the exit status. Nothing is written when something is wrong."""
    options = ManifestOptions()
    flags = FlagSet(COMMAND)
    options.add_flags(flags)
    given = list(arguments)
    if given and not given[0].startswith("-"):
        options.file = given.pop(0)
    try:
        flags.parse(given)
        problems = options.validate()
        plan = None if problems else options.plan()
        problems += [] if plan is None else plan.problems()
        if plan is not None and not problems:
            _write(options, plan)
    except HelpRequested:
        flags.command = f"{COMMAND} [FILE.py]"
        sys.stdout.write(flags.usage())
        return 0
    except (FlagError, ConfigError) as error:
        problems = [str(error)]
    if problems:
        report(flags, aggregate(problems), hint=True)
        return 1
    return 0


def _write(options: ManifestOptions, plan: Plan) -> None:
    """Raises ConfigError, with nothing written where something would be overwritten."""
    if not options.output_dir:
        sys.stdout.write(files_of(YAML, plan, NO_PAIR)["manifests.yaml"])
        return
    folder = OutputFolder(Path(options.output_dir))
    folder.check(list(files_of(options.format, plan, NO_PAIR)), force=options.force)
    files = files_of(options.format, plan, _pair(plan, folder.path / PKI) if plan.certificates == OWN else NO_PAIR)
    private = frozenset(filter(is_private, files)) if plan.certificates == OWN else frozenset()
    folder.write(files, private=private)
    sys.stdout.write(_next_steps(options, plan))


def _pair(plan: Plan, folder: Path) -> ServingPair:
    try:
        return ServingPair.of(plan, Authority(folder))
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: {error.strerror or error}") from error


def _next_steps(options: ManifestOptions, plan: Plan) -> str:
    where = options.output_dir
    command = {
        YAML: f"kubectl apply -f {where}/manifests.yaml",
        KUSTOMIZE: f"kubectl apply -k {where}/overlays/production",
        HELM: f"helm install {plan.name} {where} --namespace {plan.namespace} --create-namespace",
    }[options.format]
    versions = ", ".join(str(version) for version in plan.group_versions)
    return f"wrote {where} for {versions}\ntry:  {command}\n"
