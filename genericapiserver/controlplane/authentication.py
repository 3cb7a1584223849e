"""authentication.k8s.io: whose a token is, and who one is oneself.

Source: pkg/registry/authentication/{tokenreview,selfsubjectreview} of k8s.io/kubernetes.
"""

from collections.abc import Sequence

from genericapiserver.apimachinery.errors import BadRequestError, InternalError
from genericapiserver.apimachinery.meta import CreateOptions, ObjectMeta
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import authentication_v1
from genericapiserver.apis.authentication_v1 import (
    GROUP_VERSION,
    SelfSubjectReview,
    SelfSubjectReviewStatus,
    TokenReview,
    TokenReviewStatus,
    UserInfo,
)
from genericapiserver.authentication import user
from genericapiserver.authentication.interfaces import RequestAuthenticator
from genericapiserver.authentication.token_review import AudienceMismatchError, review_token
from genericapiserver.controlplane.review import ReviewStorage, install_reviews, requesting_user
from genericapiserver.registry.rest import ValidateObject
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer


class TokenReviewStorage(ReviewStorage):
    """Puts the token before the server's own *authenticator*, as a request with nothing but that token."""

    object_type = TokenReview

    def __init__(self, authenticator: RequestAuthenticator | None, api_audiences: Sequence[str] = ()) -> None:
        self._authenticator = authenticator
        self._api_audiences = tuple(api_audiences)

    async def create(
        self, context: RequestContext, obj: TokenReview, *, validate: ValidateObject | None, options: CreateOptions
    ) -> TokenReview:
        if not obj.spec.token:
            raise BadRequestError("token is required for TokenReview in authentication")
        if validate is not None:
            await validate(obj)
        obj.status = TokenReviewStatus()
        if self._authenticator is None:
            return obj
        audiences = tuple(obj.spec.audiences) or self._api_audiences
        try:
            result = await review_token(self._authenticator, obj.spec.token, audiences)
        except AudienceMismatchError as error:
            raise InternalError(str(error)) from error
        obj.status.error = result.error
        if result.user is not None:
            obj.status = TokenReviewStatus(
                authenticated=True, user=_user_info(result.user), audiences=list(result.audiences)
            )
        return obj


def _user_info(info: user.UserInfo) -> UserInfo:
    extra = {key: list(values) for key, values in info.extra.items()}
    return UserInfo(username=info.name, uid=info.uid, groups=list(info.groups), extra=extra)


class SelfSubjectReviewStorage(ReviewStorage):
    """Answers with the user of the request."""

    object_type = SelfSubjectReview

    def __init__(self, server: GenericAPIServer) -> None:
        self._clock = server.config.clock

    async def create(
        self,
        context: RequestContext,
        obj: SelfSubjectReview,
        *,
        validate: ValidateObject | None,
        options: CreateOptions,
    ) -> SelfSubjectReview:
        if validate is not None:
            await validate(obj)
        return SelfSubjectReview(
            metadata=ObjectMeta(creation_timestamp=self._clock.now()),
            status=SelfSubjectReviewStatus(user_info=_user_info(requesting_user(context))),
        )


def register(scheme: Scheme) -> None:
    """Add both kinds to *scheme*."""
    authentication_v1.add_to_scheme(scheme)


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve the group at *server*. Raises APIGroupError."""
    authentication = server.config.authentication
    install_reviews(
        server,
        serializer,
        GROUP_VERSION,
        {
            "selfsubjectreviews": SelfSubjectReviewStorage(server),
            "tokenreviews": TokenReviewStorage(authentication.authenticator, authentication.api_audiences),
        },
    )
