"""Plans that cannot be carried out are refused with the flag to mend."""

from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupVersion
from tests.builder.deploying.support import plan


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"name": ""}, "--name is missing"),
        ({"name": "Notes"}, '--name "Notes": a DNS-1035 label must consist of lower case alphanumeric characters'),
        ({"name": "1notes"}, '--name "1notes": a DNS-1035 label'),
        ({"name": "n" * 46}, "is longer than 45 characters"),
        ({"namespace": "a.b"}, '--namespace "a.b": must not contain dots'),
        ({"image": ""}, "--image is missing: name the image to run"),
        ({"image": "Not An Image"}, '--image "Not An Image" is no name of an image'),
        ({"image": "notes@sha256:12"}, '--image "notes@sha256:12" is no name of an image'),
        ({"certificates": "acme"}, '--certificates "acme" invalid, allowed values: own, cert-manager'),
        ({"storage": "etcd"}, "--storage etcd is not available in this version"),
        ({"storage": "disk"}, '--storage "disk" invalid, allowed values: sqlite, file, memory'),
        ({"storage_size": "big"}, '--storage-size "big": '),
        ({"storage_size": "0"}, '--storage-size "0" must be positive'),
        ({"storage_class": "Fast"}, '--storage-class "Fast": a lowercase RFC 1123 subdomain'),
        ({"memory": "-1"}, '--memory "-1" must be positive'),
        ({"memory": "2Gi"}, '--memory-limit "1Gi" is below what is requested, 2Gi'),
        ({"cpu": "1 core"}, '--cpu "1 core": '),
        ({"group_versions": []}, "there is no API to register"),
        ({"group_versions": [GroupVersion("notes", "v1")]}, '"notes" is no API group with a domain'),
        ({"group_versions": [GroupVersion("x.k8s.io", "v1")]}, '"x.k8s.io" belongs to Kubernetes'),
        ({"group_versions": [GroupVersion("n.example.com", "1")]}, '"1" is no version such as v1 or v1beta1'),
        ({"file": "my-notes.py"}, '"my-notes.py": a module that can be imported has a name such as notes.py'),
        ({"shutdown_delay": -1.0}, "--shutdown-delay-duration can not be negative value"),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items())[:40] if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_told_with_its_flag(wrong: dict[str, Any], problem: str) -> None:
    problems = plan(**wrong).problems()
    assert len(problems) == 1
    assert problem in problems[0]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(plan(name="", image="", cpu="x").problems()) == 3


@pytest.mark.parametrize(
    "image", ["notes", "notes:1.0", "localhost:5000/a/notes", "registry.example.com/notes@sha256:" + "a" * 64]
)
def test_images_of_every_kind_are_taken(image: str) -> None:
    assert plan(image=image).problems() == []
