import pytest

from genericapiserver.request import RequestInfoFactory, long_running_check

FACTORY = RequestInfoFactory()
KUBE = long_running_check(verbs=["watch", "proxy"], subresources=["attach", "exec", "proxy", "log", "portforward"])


@pytest.mark.parametrize(
    ("target", "default", "kube"),
    [
        ("/api/v1/pods?watch=1", True, True),
        ("/api/v1/pods", False, False),
        ("/api/v1/proxy/pods/a", False, True),
        ("/api/v1/pods/a/log", False, True),
        ("/api/v1/pods/a/status", False, False),
        ("/debug/pprof/profile", True, True),
        ("/debug/pprof", False, False),
        ("/log", False, False),
    ],
)
def test_which_requests_may_stay_open(target: str, default: bool, kube: bool) -> None:
    path, _, query = target.partition("?")
    info = FACTORY.resolve("GET", path, query.encode())
    assert long_running_check()(info) is default
    assert KUBE(info) is kube
