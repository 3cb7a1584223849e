"""Asking another API server whose a token is. Mirrors plugin/pkg/authenticator/token/webhook/webhook.go."""

from typing import Any, Final

from genericapiserver.apis.authentication_v1 import TokenReview
from genericapiserver.apis.authentication_v1 import UserInfo as ReviewedUser
from genericapiserver.authentication.audiences import intersect
from genericapiserver.authentication.interfaces import AuthenticationError, AuthenticationResponse
from genericapiserver.authentication.review import Reviewer, ReviewError
from genericapiserver.authentication.user import UserInfo

VERSIONS: Final = ("v1", "v1beta1")


def token_review_path(version: str = "v1") -> str:
    """Where TokenReviews are posted. Raises ValueError for a version that is not served."""
    if version not in VERSIONS:
        raise ValueError(
            f'unsupported authentication webhook version "{version}", supported versions are "v1", "v1beta1"'
        )
    return f"/apis/authentication.k8s.io/{version}/tokenreviews"


class WebhookTokenAuthenticator:
    """Posts a TokenReview for each token. Put a CachedTokenAuthenticator in front of it.

    *implicit_audiences* are what an answer without audiences was good for. Raises AuthenticationError when the review
    fails or when it refuses the token with a reason.
    """

    def __init__(self, reviewer: Reviewer, *, version: str = "v1", implicit_audiences: tuple[str, ...] = ()) -> None:
        token_review_path(version)
        self._reviewer = reviewer
        self._api_version = f"authentication.k8s.io/{version}"
        self._implicit_audiences = implicit_audiences

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        spec: dict[str, Any] = {"token": token}
        if audiences:
            spec["audiences"] = audiences
        try:
            review = await self._reviewer.review(
                {
                    "kind": "TokenReview",
                    "apiVersion": self._api_version,
                    "metadata": {},
                    "spec": spec,
                    "status": {"user": {}},
                },
                TokenReview,
            )
        except ReviewError as error:
            raise AuthenticationError(str(error)) from error
        status = review.status
        granted: tuple[str, ...] = ()
        if audiences:
            granted = intersect(audiences, tuple(status.audiences) or self._implicit_audiences)
            if not granted:
                return None
        if not status.authenticated:
            if status.error:
                raise AuthenticationError(status.error)
            return None
        return AuthenticationResponse(_user(status.user), granted)


def _user(user: ReviewedUser) -> UserInfo:
    extra = {key: tuple(values or ()) for key, values in user.extra.items()}
    return UserInfo(name=user.username, uid=user.uid, groups=tuple(user.groups), extra=extra)
