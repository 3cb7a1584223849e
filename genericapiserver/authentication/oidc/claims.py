"""From the claims of a token that is believed to a user, as a configuration says.

Each value comes from a claim, perhaps with a prefix, or from an expression (expressions.py). The texts are the
reference's; those about types are Go's encoding/json.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.apiserver_config_v1_authentication import JWTAuthenticator
from genericapiserver.authentication.interfaces import AuthenticationError
from genericapiserver.authentication.oidc.expressions import ClaimExpressions, ExpressionError, string_list
from genericapiserver.authentication.user import CREDENTIAL_ID_KEY, UserInfo, credential_id_of_jti

_GO_KINDS: Final[Mapping[type, str]] = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}

Claims = Mapping[str, Any]


class ClaimError(ValueError):
    """A claim is not there or is of the wrong type."""


class ClaimMapper:
    """Makes users as *config* says; *expressions* are what its expressions were compiled to."""

    def __init__(self, config: JWTAuthenticator, expressions: ClaimExpressions) -> None:
        self._mappings = config.claim_mappings
        self._required = {rule.claim: rule.required_value for rule in config.claim_validation_rules if rule.claim}
        self._expressions = expressions

    def user(self, claims: Claims) -> UserInfo:
        """The user, after every rule was looked at. Raises AuthenticationError."""
        variable = claims_variable(claims) if self._expressions.over_claims else claims
        try:
            user = UserInfo(
                name=self._username(claims, variable),
                groups=self._groups(claims, variable),
                uid=self._uid(claims, variable),
                extra=self._extra(claims, variable),
            )
            self._check_required(claims)
        except (ClaimError, ExpressionError) as error:
            raise AuthenticationError(str(error)) from None
        self._check_rules(variable, user)
        return user

    def _username(self, claims: Claims, variable: Claims) -> str:
        if self._expressions.username is not None:
            try:
                name = self._expressions.username.text(variable, "username")
            except ExpressionError as error:
                raise ClaimError(f"oidc: error evaluating username claim expression: {error}") from None
            if not name:
                raise ClaimError("oidc: empty username via CEL expression is not allowed")
            return name
        mapping = self._mappings.username
        try:
            name = text_claim(claims, mapping.claim)
        except ClaimError as error:
            raise ClaimError(f"oidc: parse username claims {quote(mapping.claim)}: {error}") from None
        if mapping.claim == "email":
            _check_email_verified(claims)
        return (mapping.prefix or "") + name

    def _groups(self, claims: Claims, variable: Claims) -> Sequence[str]:
        mapping = self._mappings.groups
        if mapping.claim and mapping.claim in claims:
            try:
                groups = text_or_texts(claims[mapping.claim])
            except ClaimError as error:
                raise ClaimError(f"oidc: parse groups claim {quote(mapping.claim)}: {error}") from None
            prefix = mapping.prefix or ""
            return [prefix + group for group in groups]
        if self._expressions.groups is None:
            return ()
        try:
            return string_list(self._expressions.groups.value(variable))
        except ExpressionError as error:
            raise ClaimError(f"oidc: error evaluating group claim expression: {error}") from None

    def _uid(self, claims: Claims, variable: Claims) -> str:
        claim = self._mappings.uid.claim
        if claim:
            try:
                return text_claim(claims, claim)
            except ClaimError as error:
                raise ClaimError(f"oidc: parse uid claim {quote(claim)}: {error}") from None
        if self._expressions.uid is None:
            return ""
        try:
            return self._expressions.uid.text(variable, "uid")
        except ExpressionError as error:
            raise ClaimError(f"oidc: error evaluating uid claim expression: {error}") from None

    def _extra(self, claims: Claims, variable: Claims) -> dict[str, Sequence[str]]:
        extra: dict[str, Sequence[str]] = {}
        token_id = claims.get("jti")
        if isinstance(token_id, str) and token_id:
            extra[CREDENTIAL_ID_KEY] = (credential_id_of_jti(token_id),)
        for key, expression in self._expressions.extra:
            value = expression.value(variable)  # its error has no prefix in the reference either
            try:
                values = string_list(value)
            except ExpressionError as error:
                raise ClaimError(
                    f"oidc: error evaluating extra claim expression: {expression.source}: {error}"
                ) from None
            if values:
                extra[key] = values
        return extra

    def _check_required(self, claims: Claims) -> None:
        for claim, wanted in self._required.items():
            if claim not in claims:
                raise ClaimError(f"oidc: required claim {claim} not present in ID token")
            try:
                value = text_claim(claims, claim)
            except ClaimError as error:
                raise ClaimError(f"oidc: parse claim {claim}: {error}") from None
            if value != wanted:
                raise ClaimError(f"oidc: required claim {claim} value does not match. Got = {value}, want = {wanted}")

    def _check_rules(self, claims: Claims, user: UserInfo) -> None:
        try:
            for rule in self._expressions.claim_rules:
                rule.check(claims)
        except ExpressionError as error:
            raise AuthenticationError(f"oidc: error evaluating claim validation expression: {error}") from None
        if not self._expressions.user_rules:
            return
        info = {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        }
        try:
            for rule in self._expressions.user_rules:
                rule.check(info)
        except ExpressionError as error:
            raise AuthenticationError(f"oidc: error evaluating user info validation rule: {error}") from None


def claims_variable(value: Any) -> Any:
    """Claims as expressions see them: every number is a double, since that is what Go reads JSON numbers as."""
    if isinstance(value, dict):
        return {key: claims_variable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [claims_variable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise AuthenticationError("a number among the token's claims is too large") from None
    return value


def text_claim(claims: Claims, name: str) -> str:
    """A claim that has to be there and be a text; null is the empty one, as in Go. Raises ClaimError."""
    if name not in claims:
        raise ClaimError("claim not present")
    value = claims[name]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ClaimError(_mismatch(value, "string"))
    return value


def text_or_texts(value: object) -> list[str]:
    """A text or a list of them, as a list. Raises ClaimError."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(item is None or isinstance(item, str) for item in value):
        return [item or "" for item in value]
    raise ClaimError(_mismatch(value, "string"))


def _check_email_verified(claims: Claims) -> None:
    """An address that the issuer has not verified may be anybody's; one that says nothing of it is taken."""
    if "email_verified" not in claims:
        return
    value = claims["email_verified"]
    if value is not None and not isinstance(value, bool):
        raise ClaimError(f"oidc: parse 'email_verified' claim: {_mismatch(value, 'bool')}")
    if value is not True:
        raise ClaimError("oidc: email not verified")


def _mismatch(value: object, wanted: str) -> str:
    return f"json: cannot unmarshal {_GO_KINDS.get(type(value), 'object')} into Go value of type {wanted}"
