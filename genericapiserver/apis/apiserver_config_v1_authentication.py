"""AuthenticationConfiguration of apiserver.config.k8s.io: who may sign tokens for this server, and what they say.

The versions v1alpha1, v1beta1 and v1 have the same fields, so one class stands for all. Source:
pkg/apis/apiserver/v1/types.go of k8s.io/apiserver.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import api_type, field

GROUP: Final = "apiserver.config.k8s.io"
VERSIONS: Final = ("v1", "v1beta1", "v1alpha1")
MODEL_PACKAGE = "io.k8s.apiserver.config.v1"
MATCH_ANY: Final = "MatchAny"


@api_type
class Issuer:
    """Issuer is who signs tokens, and where its keys are found."""

    url: str = field(default="", omit_empty=False, doc="What tokens say in iss, and where discovery begins.")
    discovery_url: str | None = field(
        default=None, name="discoveryURL", doc="Where discovery is fetched instead, when the URL cannot be reached."
    )
    certificate_authority: str = field(default="", doc="PEM certificates to trust; the system's if empty.")
    audiences: list[str] = field(factory=list, omit_empty=False, doc="A token has to be meant for one of these.")
    audience_match_policy: str = field(default="", enum=[MATCH_ANY], doc="MatchAny if there are several audiences.")
    egress_selector_type: str = field(default="", doc="Which network to use: controlplane or cluster.")


@api_type
class ClaimValidationRule:
    """ClaimValidationRule is what has to be true of a token's claims."""

    claim: str = field(default="", doc="A claim that has to have the required value.")
    required_value: str = field(default="", doc="The value, a text.")
    expression: str = field(default="", doc="A CEL expression over claims that has to be true.")
    message: str = field(default="", doc="What is logged when the expression is false.")


@api_type
class PrefixedClaimOrExpression:
    """PrefixedClaimOrExpression takes a value from a claim, with something in front, or from an expression."""

    claim: str = field(default="", doc="The claim.")
    prefix: str | None = field(default=None, doc="What is put in front; has to be given with a claim.")
    expression: str = field(default="", doc="A CEL expression over claims.")


@api_type
class ClaimOrExpression:
    """ClaimOrExpression takes a value from a claim or from an expression."""

    claim: str = field(default="", doc="The claim.")
    expression: str = field(default="", doc="A CEL expression over claims.")


@api_type
class ExtraMapping:
    """ExtraMapping makes one entry of a user's extra."""

    key: str = field(default="", omit_empty=False, doc="The key, a lower-case path that begins with a domain.")
    value_expression: str = field(
        default="", omit_empty=False, doc="A CEL expression over claims, for a string or a list of them."
    )


@api_type
class ClaimMappings:
    """ClaimMappings makes a user from claims."""

    username: PrefixedClaimOrExpression = field(factory=PrefixedClaimOrExpression, doc="The name.")
    groups: PrefixedClaimOrExpression = field(factory=PrefixedClaimOrExpression, doc="The groups.")
    uid: ClaimOrExpression = field(factory=ClaimOrExpression, doc="The UID.")
    extra: list[ExtraMapping] = field(factory=list, doc="The extra entries.")


@api_type
class UserValidationRule:
    """UserValidationRule is what has to be true of the user that was made."""

    expression: str = field(default="", omit_empty=False, doc="A CEL expression over user that has to be true.")
    message: str = field(default="", doc="What is logged when it is false.")


@api_type
class JWTAuthenticator:
    """JWTAuthenticator says how tokens of one issuer become users."""

    issuer: Issuer = field(factory=Issuer, doc="Who signs.")
    claim_validation_rules: list[ClaimValidationRule] = field(factory=list, doc="What has to be true of the claims.")
    claim_mappings: ClaimMappings = field(factory=ClaimMappings, doc="How claims become a user.")
    user_validation_rules: list[UserValidationRule] = field(factory=list, doc="What has to be true of the user.")


@api_type
class AnonymousAuthCondition:
    """AnonymousAuthCondition is where requests without credentials are let in."""

    path: str = field(default="", omit_empty=False, doc="The path, exactly.")


@api_type
class AnonymousAuthConfig:
    """AnonymousAuthConfig says whether requests without credentials are let in."""

    enabled: bool = field(default=False, omit_empty=False, doc="Whether they are.")
    conditions: list[AnonymousAuthCondition] = field(
        factory=list, doc="Only where one of these is met; anywhere if there is none."
    )


@api_type(root=True)
class AuthenticationConfiguration:
    """AuthenticationConfiguration says who may sign tokens, and whether one may come without."""

    jwt: list[JWTAuthenticator] = field(factory=list, omit_empty=False, doc="The issuers, at most 64.")
    anonymous: AnonymousAuthConfig | None = field(
        default=None, doc="Instead of --anonymous-auth, for requests without credentials."
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register AuthenticationConfiguration in each of its versions."""
    for version in VERSIONS:
        scheme.add_known_types(GroupVersion(GROUP, version), AuthenticationConfiguration)
