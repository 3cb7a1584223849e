"""What is to be deployed, in one description, and what is wrong with it."""

import math
import re
from collections.abc import Sequence
from typing import Final

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.quantity import Quantity, QuantityError
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.validation.names import (
    dns_1035_label,
    dns_1123_label,
    dns_1123_subdomain,
)

OWN: Final = "own"
CERT_MANAGER: Final = "cert-manager"
CERTIFICATES: Final = (OWN, CERT_MANAGER)
SQLITE: Final = "sqlite"
MEMORY: Final = "memory"
FILE: Final = "file"
STORAGES: Final = (SQLITE, FILE, MEMORY)

REQUEST_TIMEOUT: Final = 60.0
"""Seconds; the default of --request-timeout."""
CLOSING: Final = 10.0
"""Seconds to cut off and close what is left (docs/lifecycle.md)."""
SPARE: Final = 10.0
"""Seconds for the flush of an audit log, and for a machine that is busy."""

_IMAGE = re.compile(r"[a-z0-9][\w.\-/:]*(@sha256:[0-9a-f]{64})?", re.ASCII)


@attrs.frozen(kw_only=True)
class ServedResource:
    """`notes` or `notes/status`, and the verbs that are served."""

    group: str
    name: str
    verbs: Sequence[str]


@attrs.frozen(kw_only=True)
class Plan:
    """A deployment called *name* in *namespace* of *image*, which serves *group_versions*, each group's preferred first.

    *file* is the name of the Python file below /app of the image; without one the image starts a server by itself, which
    takes the reference's flags. Times are in seconds.
    """

    name: str
    namespace: str
    image: str
    group_versions: Sequence[GroupVersion]
    resources: Sequence[ServedResource] = ()
    file: str = ""
    certificates: str = OWN
    storage: str = SQLITE
    storage_size: str = "1Gi"
    storage_class: str = ""
    cpu: str = "100m"
    memory: str = "256Mi"
    memory_limit: str = "1Gi"
    shutdown_delay: float = 15.0
    network_policy: bool = False

    @property
    def labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/component": "apiserver"}

    @property
    def host(self) -> str:
        """The name that the kube-apiserver connects to, which the certificate is for."""
        return f"{self.name}.{self.namespace}.svc"

    @property
    def on_disk(self) -> bool:
        """Whether objects outlive the Pod, on a volume."""
        return self.storage != MEMORY

    @property
    def watch_termination(self) -> float:
        return self.shutdown_delay

    @property
    def termination_grace_period(self) -> int:
        """Seconds that the process gets from SIGTERM to SIGKILL: what its own flags make it take at most."""
        return math.ceil(self.shutdown_delay + max(REQUEST_TIMEOUT, self.watch_termination) + CLOSING + SPARE)

    def problems(self) -> list[str]:
        """What is wrong, each with the flag to mend it by."""
        return [
            *_named("name", self.name, dns_1035_label(self.name), longest=45),
            *_named("namespace", self.namespace, dns_1123_label(self.namespace)),
            *_image_problems(self.image),
            *_one_of("certificates", self.certificates, CERTIFICATES),
            *_storage_problems(self.storage),
            *_quantity("storage-size", self.storage_size),
            *_quantity("cpu", self.cpu),
            *_quantity("memory", self.memory),
            *_quantity("memory-limit", self.memory_limit, least=self.memory),
            *(
                _named("storage-class", self.storage_class, dns_1123_subdomain(self.storage_class))
                if self.storage_class
                else ()
            ),
            *_group_problems(self.group_versions),
            *_file_problems(self.file),
            *(["--shutdown-delay-duration can not be negative value"] if self.shutdown_delay < 0 else []),
        ]


def _named(flag: str, value: str, problems: Sequence[str], *, longest: int = 253) -> list[str]:
    if not value:
        return [f"--{flag} is missing"]
    if len(value) > longest:
        return [
            f"--{flag} {quote(value)} is longer than {longest} characters, which leaves no room for what is added to it"
        ]
    return [f"--{flag} {quote(value)}: {problem}" for problem in problems]


def _image_problems(image: str) -> list[str]:
    if not image:
        return ["--image is missing: name the image to run, for example --image=registry.example.com/notes:1.0"]
    if _IMAGE.fullmatch(image) is None:
        return [f"--image {quote(image)} is no name of an image, such as registry.example.com/notes:1.0"]
    return []


def _one_of(flag: str, value: str, known: Sequence[str]) -> list[str]:
    return [] if value in known else [f"--{flag} {quote(value)} invalid, allowed values: {', '.join(known)}"]


def _storage_problems(storage: str) -> list[str]:
    if storage == "etcd":
        return [
            "--storage etcd is not available in this version of the manifests: take --storage=memory, and give the "
            "container --storage-backend=etcd3 and --etcd-servers instead"
        ]
    return _one_of("storage", storage, STORAGES)


def _quantity(flag: str, text: str, *, least: str = "") -> list[str]:
    try:
        value = Quantity.parse(text)
        lowest = Quantity.parse(least) if least else None
    except QuantityError as error:
        return [f"--{flag} {quote(text)}: {error}"]
    if value.as_decimal() <= 0:
        return [f"--{flag} {quote(text)} must be positive"]
    if lowest is not None and value.as_decimal() < lowest.as_decimal():
        return [f"--{flag} {quote(text)} is below what is requested, {least}"]
    return []


def _group_problems(versions: Sequence[GroupVersion]) -> list[str]:
    if not versions:
        return ["there is no API to register: name a Python file, or --group-versions=notes.example.com/v1"]
    problems = []
    for version in versions:
        if "." not in version.group or dns_1123_subdomain(version.group):
            problems.append(f"{quote(version.group)} is no API group with a domain, such as notes.example.com")
        elif version.group.endswith(".k8s.io"):
            problems.append(
                f"{quote(version.group)} belongs to Kubernetes: groups below k8s.io are served by the cluster"
            )
        if re.fullmatch(r"v[1-9]\d*((alpha|beta)[1-9]\d*)?", version.version) is None:
            problems.append(f"{quote(version.version)} is no version such as v1 or v1beta1")
    return problems


def _file_problems(file: str) -> list[str]:
    if file and re.fullmatch(r"[A-Za-z_]\w*\.py", file, re.ASCII) is None:
        return [f"{quote(file)}: a module that can be imported has a name such as notes.py"]
    return []
