"""Several authenticators as one. Mirrors pkg/authentication/request/union and pkg/authentication/token/union."""

from genericapiserver.authentication.interfaces import (
    AggregateAuthenticationError,
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
    TokenAuthenticator,
)


class UnionAuthenticator:
    """Asks each in turn and takes the first user.

    By default an error is kept until every one was asked, so that a good credential beside a bad one wins, and is
    raised only if none succeeds. With *fail_on_error* the first error ends the search.
    """

    def __init__(self, *authenticators: RequestAuthenticator, fail_on_error: bool = False) -> None:
        self._authenticators = authenticators
        self._fail_on_error = fail_on_error

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        errors: list[AuthenticationError] | None = None
        for authenticator in self._authenticators:
            try:
                response = await authenticator.authenticate_request(request)
            except AuthenticationError as error:
                if self._fail_on_error:
                    raise
                if errors is None:
                    errors = [error]
                else:
                    errors.append(error)
                continue
            if response is not None:
                return response
        if errors is not None:
            raise AggregateAuthenticationError(errors)
        return None


class UnionTokenAuthenticator:
    """Asks each about a token, in turn, and takes the first user; errors are raised only if none knows one."""

    def __init__(self, *authenticators: TokenAuthenticator) -> None:
        self._authenticators = authenticators

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        errors: list[AuthenticationError] = []
        for authenticator in self._authenticators:
            try:
                response = await authenticator.authenticate_token(token, audiences)
            except AuthenticationError as error:
                errors.append(error)
                continue
            if response is not None:
                return response
        if errors:
            raise AggregateAuthenticationError(errors)
        return None
