"""The order of versions: stable before beta before alpha, newer before older (apimachinery pkg/version/helpers.go)."""

import re

_KUBE_VERSION = re.compile(r"v([0-9]+)(?:(alpha|beta)([0-9]+))?", re.ASCII)
_STAGES = {"alpha": 0, "beta": 1, None: 2}


def kube_aware_key(version: str) -> tuple[int, int, int, int, str]:
    """A sort key that puts the version to be preferred first.

    Versions such as `v1`, `v2beta1` come by stage and then by number, the others after them in the order of the
    alphabet.
    """
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0, 0, version)
    major, stage, minor = match.groups()
    return (0, -_STAGES[stage], -int(major), -int(minor or 0), "")
