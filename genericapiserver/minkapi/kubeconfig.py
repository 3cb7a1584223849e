"""The files beside the server: a kubeconfig for each view, and the configuration of a scheduler that packs bins.

Source: minkapi/server/configtmpl of gardener's scaling-advisor.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Final

from genericapiserver.minkapi.errors import ExecuteConfigTemplateError

MODE: Final = 0o600


_KUBECONFIG: Final = """\
apiVersion: v1
kind: Config
clusters:
- name: {context}
  cluster:
    server: {server}
    insecure-skip-tls-verify: true
users:
- name: minkapi-user
  user: {{}}
contexts:
- name: {context}
  context:
    cluster: {context}
    namespace: default
    user: minkapi-user
current-context: {context}
"""
_SCHEDULER_CONFIG: Final = """\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
clientConnection:
  kubeconfig: {path}
  qps: 100
  burst: 50
profiles:
- schedulerName: bin-packing-scheduler
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      scoringStrategy:
        type: MostAllocated
        resources:
        - name: cpu
          weight: 1
        - name: memory
          weight: 1
"""


def kubeconfig(name: str, server: str) -> str:
    """The kubeconfig of the view *name* at the URL *server*."""
    return _KUBECONFIG.format(context=json.dumps(f"minkapi-{name}"), server=json.dumps(server))


def scheduler_config(kubeconfig_path: Path) -> str:
    """What `kube-scheduler --config` needs to put the pods of the view on the fullest nodes that take them."""
    return _SCHEDULER_CONFIG.format(path=json.dumps(str(kubeconfig_path)))


def sandbox_kubeconfig_path(base: Path, name: str) -> Path:
    """Where the kubeconfig of the sandbox *name* lies: beside that of the base."""
    return base.with_name(f"minkapi-{name}.yaml")


def scheduler_config_path(base: Path, name: str = "") -> Path:
    """Where the scheduler's configuration lies, of the base or of a sandbox."""
    middle = f"-{name}" if name else ""
    return base.with_name(f"minkapi{middle}-bin-packing-scheduler-config.yaml")


def write_files(documents: dict[Path, str]) -> None:
    """Write all *documents*, readable by their owner only; when one fails, none is left.

    Raises ExecuteConfigTemplateError.
    """
    written: list[Path] = []
    try:
        for path, document in documents.items():
            _replace(path, document)
            written.append(path)
    except OSError as error:
        remove_files(written)
        raise ExecuteConfigTemplateError(error) from error


def remove_files(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _replace(path: Path, content: str) -> None:
    """A file that is there is replaced in one step. Nothing is written through a link that somebody else has put into a
    folder for everybody."""
    try:
        _write(path, content)
    except FileExistsError:
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        _write(draft, content)
        try:
            draft.replace(path)
        except OSError:
            draft.unlink()
            raise


def _write(path: Path, content: str) -> None:
    """Make a new file, or nothing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
