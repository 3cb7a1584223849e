"""LabelSelector, the form in which objects carry a selector; `labels.Selector` is what evaluates it."""

from genericapiserver.apimachinery.types import api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"


@api_type
class LabelSelectorRequirement:
    """LabelSelectorRequirement relates a key to a set of values."""

    key: str = field(doc="The label that the requirement is about.")
    operator: str = field(doc="In, NotIn, Exists or DoesNotExist.")
    values: list[str] = field(factory=list, doc="The values for In and NotIn; else empty.", list_type="atomic")


@api_type
class FieldSelectorRequirement:
    """FieldSelectorRequirement relates a field to a set of values."""

    key: str = field(doc="The field that the requirement is about.")
    operator: str = field(doc="In, NotIn, Exists or DoesNotExist. The list may grow.")
    values: list[str] = field(factory=list, doc="The values for In and NotIn; else empty.", list_type="atomic")


@api_type(map_type="atomic")
class LabelSelector:
    """LabelSelector is a query over labels; all its parts must hold. An empty one matches everything."""

    match_labels: dict[str, str] = field(factory=dict, doc="Labels and the values they must have.")
    match_expressions: list[LabelSelectorRequirement] = field(
        factory=list, doc="Requirements that must all hold.", list_type="atomic"
    )
