import pytest

from genericapiserver.request import RequestInfo, RequestInfoError, RequestInfoFactory

FACTORY = RequestInfoFactory()

FIELDS = ("verb", "api_prefix", "api_group", "api_version", "namespace", "resource", "subresource", "name")

NON_RESOURCE = """
GET / | get
GET (empty) | get
POST / | post
HEAD /healthz | head
GET /api | get
GET /apis | get
GET /version | get
GET /api/v1 | get
GET /api/v1/ | get
GET /apis/batch | get
GET /apis/batch/v1 | get apis
GET /apis/batch/v1/ | get apis
GET /apis/ext/v1 | get apis
GET /apis/version/resource | get apis
GET /badprefix/v1/pods | get
GET /debug/pprof/heap | get
"""

RESOURCE = """
GET /api/v1/namespaces | list api - v1 - namespaces - - | namespaces
GET /api/v1/namespaces/other | get api - v1 other namespaces - other | namespaces,other
PUT /api/v1/namespaces/other/finalize | update api - v1 other namespaces finalize other | namespaces,other,finalize
PUT /api/v1/namespaces/other/status | update api - v1 other namespaces status other | namespaces,other,status
GET /api/v1/namespaces/other/pods | list api - v1 other pods - - | pods
GET /api/v1/namespaces/other/pods/foo | get api - v1 other pods - foo | pods,foo
HEAD /api/v1/namespaces/other/pods/foo | get api - v1 other pods - foo | pods,foo
GET /api/v1/pods | list api - v1 - pods - - | pods
HEAD /api/v1/pods | list api - v1 - pods - - | pods
GET /api/v1/pods?watch=true | watch api - v1 - pods - - | pods
GET /api/v1/pods?watch | watch api - v1 - pods - - | pods
GET /api/v1/pods?watch=no | watch api - v1 - pods - - | pods
GET /api/v1/pods?watch=false | list api - v1 - pods - - | pods
GET /api/v1/pods?watch=FALSE | list api - v1 - pods - - | pods
GET /api/v1/namespaces/other/pods?watch=0 | list api - v1 other pods - - | pods
GET /api/v1/watch/pods | watch api - v1 - pods - - | pods
GET /api/v1/watch/namespaces/other/pods | watch api - v1 other pods - - | pods
GET /api/v1/watch/namespaces/other/pods/foo | watch api - v1 other pods - foo | pods,foo
GET /api/v1/proxy/namespaces/other/pods/foo | proxy api - v1 other pods - foo | pods,foo
GET /api/v1/proxy/namespaces/other/pods/foo/a/b | proxy api - v1 other pods - foo | pods,foo,a,b
GET /api/v1/namespaces/other/pods/foo/status | get api - v1 other pods status foo | pods,foo,status
GET /api/v1/namespaces/other/pods/foo/proxy/x | get api - v1 other pods proxy foo | pods,foo,proxy,x
GET /api/v1/namespaces/other/pods/foo?watch=true | get api - v1 other pods - foo | pods,foo
PATCH /api/v1/namespaces/other/pods/foo | patch api - v1 other pods - foo | pods,foo
POST /api/v1/namespaces/other/pods | create api - v1 other pods - - | pods
POST /api/v1/nodes/mynode | create api - v1 - nodes - mynode | nodes,mynode
DELETE /api/v1/namespaces/other/pods/foo | delete api - v1 other pods - foo | pods,foo
DELETE /api/v1/nodes | deletecollection api - v1 - nodes - - | nodes
DELETE /apis/extensions/v1/namespaces/other/pods | deletecollection apis extensions v1 other pods - - | pods
OPTIONS /api/v1/pods | - api - v1 - pods - - | pods
GET /apis/batch/v1/jobs/foo/scale | get apis batch v1 - jobs scale foo | jobs,foo,scale
GET /apis/g/v/res?fieldSelector=metadata.name=n1 | list apis g v - res - n1 | res

GET /apis/g/v/namespaces//res | list apis g v - res - - | res
GET /api/v1/watch/namespaces | watch api - v1 - namespaces - - | namespaces
POST /api/v1/watch/pods | watch api - v1 - pods - - | pods
"""

SELECTORS = """
GET /apis/g/v/res?watch=true&fieldSelector=metadata.name=n1 | watch n1 metadata.name=n1 -
GET /apis/g/v/res?fieldSelector=foo=bar&labelSelector=baz=qux | list - foo=bar baz=qux
GET /apis/g/v/res?fieldSelector=metadata.name=n1,foo | list - metadata.name=n1,foo -
GET /apis/g/v/res?fieldSelector=metadata.name=n1,foo&watch=true | watch - metadata.name=n1,foo -
GET /apis/g/v/res?fieldSelector=metadata.name=foo&fieldSelector=metadata.name=bar | list foo metadata.name=foo -
DELETE /apis/g/v/res?fieldSelector=foo=bar&labelSelector=a=b | deletecollection - foo=bar a=b
GET /apis/g/v/res/name?fieldSelector=foo=bar | get name - -
GET /apis/g/v/watch/res?fieldSelector=metadata.name=foo | watch - - -
GET /apis/g/v/watch/res/name?labelSelector=a=b | watch name - -

GET /apis/g/v/res?fieldSelector=metadata.name==n1,a=b | list n1 metadata.name==n1,a=b -
GET /apis/g/v/res?fieldSelector=metadata.name!=n1 | list - metadata.name!=n1 -
GET /apis/g/v/res?fieldSelector=metadata.name%3Dn1 | list n1 metadata.name=n1 -
GET /apis/g/v/res?fieldSelector=metadata.name=.. | list - metadata.name=.. -
GET /apis/g/v/res?fieldSelector=metadata.name=a/b | list - metadata.name=a/b -
GET /apis/g/v/res?fieldSelector=metadata.name=n1&limit=x | list - metadata.name=n1 -
GET /apis/g/v/res?fieldSelector=metadata.name=n1&limit=5 | list n1 metadata.name=n1 -
GET /apis/g/v/res?fieldSelector=metadata.name=n1&timeoutSeconds=99999999999999999999 | list - metadata.name=n1 -
GET /apis/g/v/res?fieldSelector=metadata.name=n1&labelSelector=,,, | list - metadata.name=n1 ,,,
"""


def _rows(table: str) -> list[str]:
    return [row for row in table.splitlines() if row]


def _resolve(line: str) -> RequestInfo:
    method, target = line.split()
    path, _, query = ("" if target == "(empty)" else target).partition("?")
    return FACTORY.resolve(method, path, query.encode())


@pytest.mark.parametrize("row", _rows(NON_RESOURCE), ids=lambda row: row.split(" | ")[0])
def test_non_resource_requests_have_the_method_as_their_verb(row: str) -> None:
    line, expected = row.split(" | ")
    info = _resolve(line)
    verb, _, prefix = expected.partition(" ")
    path = line.split()[1].removeprefix("(empty)")
    assert info == RequestInfo(False, path, verb, prefix)


@pytest.mark.parametrize("row", _rows(RESOURCE), ids=lambda row: row.split(" | ")[0])
def test_resource_requests(row: str) -> None:
    line, expected, parts = row.split(" | ")
    info = _resolve(line)
    assert info.is_resource_request
    assert [getattr(info, field) or "-" for field in FIELDS] == expected.split()
    assert info.parts == tuple(parts.split(","))
    assert info.path == line.split()[1].partition("?")[0]


@pytest.mark.parametrize("row", _rows(SELECTORS), ids=lambda row: row.split(" | ")[0])
def test_selectors(row: str) -> None:
    line, expected = row.split(" | ")
    info = _resolve(line)
    assert [info.verb, info.name or "-", info.field_selector or "-", info.label_selector or "-"] == expected.split()


@pytest.mark.parametrize("verb", ["watch", "proxy"])
def test_a_verb_in_the_path_without_an_object_is_an_error(verb: str) -> None:
    with pytest.raises(RequestInfoError) as caught:
        FACTORY.resolve("GET", f"/api/v1/{verb}", b"a=b")
    assert str(caught.value) == f"unable to determine kind and namespace from url, /api/v1/{verb}?a=b"


def test_other_prefixes_can_be_set() -> None:
    factory = RequestInfoFactory(api_prefixes=["apis"], groupless_api_prefixes=["/legacy"])
    assert factory.resolve("GET", "/legacy/v1/pods").resource == "pods"
    assert not factory.resolve("GET", "/api/v1/pods").is_resource_request


def test_a_flood_of_paths_does_not_grow_the_memory() -> None:
    factory = RequestInfoFactory()
    for number in range(5000):
        assert factory.resolve("GET", f"/api/v1/pods/p{number}").name == f"p{number}"
    assert len(factory._cache) <= 2048
