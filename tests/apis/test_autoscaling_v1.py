import pytest

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import describe
from genericapiserver.apis import autoscaling_v1
from genericapiserver.apis.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus, validate_scale


def new_codec() -> CodecFactory:
    scheme = Scheme("test")
    autoscaling_v1.add_to_scheme(scheme)
    return CodecFactory(scheme)


@pytest.mark.parametrize(
    ("scale", "written"),
    [
        (Scale(), b'"metadata":{},"spec":{},"status":{"replicas":0}}'),
        (
            Scale(spec=ScaleSpec(replicas=3), status=ScaleStatus(replicas=2, selector="app=a")),
            b'"metadata":{},"spec":{"replicas":3},"status":{"replicas":2,"selector":"app=a"}}',
        ),
    ],
    ids=["nothing is wanted", "everything is set"],
)
def test_a_scale_is_written_as_the_reference_does(scale: Scale, written: bytes) -> None:
    encoded = new_codec().encode(scale, autoscaling_v1.GROUP_VERSION.with_kind("Scale"))
    assert encoded.strip() == b'{"kind":"Scale","apiVersion":"autoscaling/v1",' + written


def test_the_models_have_the_names_of_the_reference() -> None:
    assert describe(Scale).model_name == "io.k8s.api.autoscaling.v1.Scale"


@pytest.mark.parametrize(("replicas", "errors"), [(0, []), (5, []), (-1, ["spec.replicas"])])
def test_replicas_are_not_negative(replicas: int, errors: list[str]) -> None:
    assert [error.field for error in validate_scale(Scale(spec=ScaleSpec(replicas=replicas)))] == errors
