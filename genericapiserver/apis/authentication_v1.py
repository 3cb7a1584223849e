"""authentication.k8s.io/v1: asking whose a token is, and who one is oneself.

Source: k8s.io/api/authentication/v1/types.go. TokenRequest belongs to service accounts and is not here.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import api_type, field

GROUP = "authentication.k8s.io"
GROUP_VERSION = GroupVersion(GROUP, "v1")
MODEL_PACKAGE = "io.k8s.api.authentication.v1"


@api_type
class UserInfo:
    """UserInfo is what authenticators know of a user."""

    username: str = field(default="", doc="The name that identifies the user among all active ones.")
    uid: str = field(default="", doc="What tells the user from an earlier one of the same name.")
    groups: list[str] = field(factory=list, list_type="atomic", doc="The groups that the user is in.")
    extra: dict[str, list[str]] = field(factory=dict, doc="What the authenticator says beyond that.")


@api_type
class TokenReviewSpec:
    """TokenReviewSpec is the token to be reviewed."""

    token: str = field(default="", doc="The opaque bearer token.")
    audiences: list[str] = field(
        factory=list,
        list_type="atomic",
        doc="Who the token is presented to; audience-aware authenticators see that it is meant for one of them. Empty "
        "means the audiences of the API server.",
    )


@api_type
class TokenReviewStatus:
    """TokenReviewStatus is what was found out about the token."""

    authenticated: bool = field(default=False, doc="Whether the token is that of a known user.")
    user: UserInfo = field(factory=UserInfo, doc="Whose token it is.")
    audiences: list[str] = field(
        factory=list,
        number=4,
        list_type="atomic",
        doc="Those of the audiences asked for that the token is good for. Empty: the authenticator knows no audiences.",
    )
    error: str = field(default="", number=3, doc="Why the token could not be checked.")


@api_type
class TokenReview(Object):
    """TokenReview attempts to authenticate a token to a known user."""

    spec: TokenReviewSpec = field(factory=TokenReviewSpec, doc="The request being evaluated.")
    status: TokenReviewStatus = field(
        factory=TokenReviewStatus, doc="Filled in by the server: whether the token can be authenticated."
    )


@api_type
class SelfSubjectReviewStatus:
    """SelfSubjectReviewStatus is who the user is who asked."""

    user_info: UserInfo = field(factory=UserInfo, doc="The user making this request.")


@api_type
class SelfSubjectReview(Object):
    """SelfSubjectReview tells the user who the server takes them for. With impersonation it is the impersonated user."""

    status: SelfSubjectReviewStatus = field(
        factory=SelfSubjectReviewStatus, doc="Filled in by the server with the attributes of the user."
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register both kinds, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP, INTERNAL_VERSION)):
        scheme.add_known_types(version, TokenReview, SelfSubjectReview)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
