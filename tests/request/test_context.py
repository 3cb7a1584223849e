import pytest

from genericapiserver.request import (
    CONTEXT_KEY,
    MissingRequestContextError,
    RequestContext,
    RequestInfo,
    WarningRecorder,
    request_context,
)


def test_the_context_is_found_in_the_scope() -> None:
    context = RequestContext(request_info=RequestInfo(True, namespace="dev"))
    assert request_context({CONTEXT_KEY: context}) is context
    assert context.namespace == "dev"


def test_a_chain_without_a_context_is_an_error() -> None:
    with pytest.raises(MissingRequestContextError, match="no RequestInfo found in the context"):
        request_context({})


def test_warnings_need_a_recorder() -> None:
    context = RequestContext(request_info=RequestInfo())
    context.add_warning("lost")
    context.warnings = WarningRecorder()
    context.add_warning("kept", "agent")
    assert context.warnings.headers == [(b"warning", b'299 agent "kept"')]


def test_time_that_remains() -> None:
    context = RequestContext(request_info=RequestInfo())
    assert context.remaining(1.0) is None
    context.deadline = 3.0
    assert context.remaining(1.0) == 2.0
    assert context.remaining(5.0) == 0.0
