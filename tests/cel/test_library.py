"""Kubernetes' functions for expressions: one line for each promise."""

import pytest

from genericapiserver.cel import CompileError, Environment, EvaluationError, Type


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment({"object": Type.DYN, "numbers": Type.list_of(Type.INT)})


VALUES = {"object": {"name": "a", "numbers": [3, 1, 2]}, "numbers": [3, 1, 2]}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        # lists.go
        ("[1, 2].isSorted()", True),
        ("[2, 1].isSorted()", False),
        ("['a', 'b'].isSorted() && [1.0, 2.0].isSorted() && [false, true].isSorted()", True),
        ("[duration('1s'), duration('1m')].isSorted()", True),
        ("[timestamp('2000-01-01T00:00:00Z'), timestamp('0001-01-01T00:00:00Z')].isSorted()", False),
        ("numbers.sum()", 6),
        ("object.numbers.sum()", 6),
        ("[1.5, 2.0].sum()", 3.5),
        ("numbers.filter(n, n > 9).sum()", 0),
        ("numbers.max()", 3),
        ("['b', 'a'].min()", "a"),
        ("numbers.indexOf(1)", 1),
        ("numbers.indexOf(9)", -1),
        ("[1, 2, 1].lastIndexOf(1)", 2),
        ("[true].indexOf(true)", 0),
        ("'abc'.indexOf('c')", 2),
        ("sets.contains([1, 2], [1.0])", True),
        ("sets.equivalent([1, 2], [2, 1, 1])", True),
        ("sets.intersects([1], [2])", False),
        # regex.go
        ("'abc 123'.find('[0-9]+')", "123"),
        ("'abc'.find('[0-9]+')", ""),
        ("'a1b2c3'.findAll('[0-9]')", ["1", "2", "3"]),
        ("'a1b2c3'.findAll('[0-9]', 2)", ["1", "2"]),
        ("'a1'.findAll('[0-9]', 0)", []),
        ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('^(a+)+$')", False),
        # urls.go
        ("url('https://u:p@example.com:80/path?a=1&a=2').getHost()", "example.com:80"),
        ("url('https://example.com:80/p').getHostname()", "example.com"),
        ("url('https://[::1]:80/p').getHostname()", "::1"),
        ("url('https://[::1]:80/p').getPort()", "80"),
        ("url('https://example.com/p').getPort()", ""),
        ("url('https://example.com/p').getScheme()", "https"),
        ("url('/absolute/path').getScheme()", ""),
        ("url('https://example.com/path with').getEscapedPath()", None),
        ("url('https://example.com/a%20b').getEscapedPath()", "/a%20b"),
        ("url('https://example.com/?k=a&k=b&l=c').getQuery()", {"k": ["a", "b"], "l": ["c"]}),
        ("isURL('https://example.com')", True),
        ("isURL('../relative')", False),
        ("isURL('')", False),
        # ip.go, cidr.go
        ("ip('192.168.0.1').family()", 4),
        ("ip('2001:db8::68').family()", 6),
        ("isIP('192.168.0.1.0')", False),
        ("isIP('::ffff:192.168.0.1')", False),
        ("isIP('fe80::1%eth0')", False),
        ("isIP('192.168.00.1')", False),
        ("ip.isCanonical('2001:DB8::ABCD')", False),
        ("ip('2001:DB8::ABCD') == ip('2001:db8::abcd')", True),
        ("ip('0.0.0.0').isUnspecified() && ip('127.0.0.1').isLoopback()", True),
        ("ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()", True),
        ("ip('169.254.169.254').isLinkLocalUnicast() && ip('192.168.0.1').isGlobalUnicast()", True),
        ("ip('255.255.255.255').isGlobalUnicast()", False),
        ("cidr('192.168.0.0/24').containsIP(ip('192.168.0.1'))", True),
        ("cidr('192.168.0.0/24').containsIP('192.168.1.1')", False),
        ("cidr('192.168.0.0/24').containsIP('::1')", False),
        ("cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24')", True),
        ("cidr('192.168.0.0/24').containsCIDR(cidr('192.168.0.0/23'))", False),
        ("cidr('192.168.0.1/24').ip() == ip('192.168.0.1')", True),
        ("cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')", True),
        ("cidr('::1/128').prefixLength()", 128),
        ("isCIDR('192.168.0.0/24') && !isCIDR('192.168.0.0/33') && !isCIDR('192.168.0.0')", True),
        ("isCIDR('192.168.0.0/255.255.0.0')", False),
        # quantity.go
        ("isQuantity('1.3Gi') && !isQuantity('1,3Gi') && !isQuantity('Three')", True),
        ("quantity('50k') == quantity('50000')", True),
        ("quantity('1Gi').isGreaterThan(quantity('1G'))", True),
        ("quantity('200M').compareTo(quantity('0.2G'))", 0),
        ("quantity('150Mi').isLessThan(quantity('100Mi'))", False),
        ("quantity('50k').add(quantity('20')) == quantity('50020')", True),
        ("quantity('50k').sub(20).asInteger()", 49980),
        ("quantity('-1').sign()", -1),
        ("quantity('50.5').isInteger()", False),
        ("quantity('9223372036854775808').isInteger()", False),
        ("quantity('0.5').asApproximateFloat()", 0.5),
        # semverlib.go
        ("isSemver('1.0.0') && !isSemver('v1.0') && isSemver('v1.0', true)", True),
        ("isSemver('01.0.0') || isSemver('1.0.0-01')", False),
        ("semver('1.2.3').isLessThan(semver('1.2.4-rc.1'))", True),
        ("semver('1.2.3-rc.1').compareTo(semver('1.2.3'))", -1),
        ("semver('1.2.3-rc.2').isLessThan(semver('1.2.3-rc.10'))", True),
        ("semver('1.2.3+a') == semver('1.2.3+b')", True),
        ("semver('v01.02', true).minor()", 2),
        ("semver('1.2.3').major() + semver('1.2.3').patch()", 4),
        # format.go
        ("format.dns1123Label().validate('a_b').hasValue()", True),
        ("format.dns1123Label().validate('ab').hasValue()", False),
        ("format.uuid().validate('x').value()", ["does not match the UUID format"]),
        ("format.date().validate('2021-01-01').hasValue()", False),
        ("format.date().validate('2021-13-01').value()", ["invalid date"]),
        ("format.datetime().validate('2021-01-01T00:00:00Z').hasValue()", False),
        ("format.datetime().validate('2021-01-01T25:00:00Z').hasValue()", True),
        ("format.byte().validate('!').value()", ["invalid base64"]),
        ("format.uri().validate('https://example.com').hasValue()", False),
        ("format.labelValue().validate('-').hasValue() && format.qualifiedName().validate('/').hasValue()", True),
        ("format.named('dns1035Label').value().validate('1a').hasValue()", True),
        ("format.named('nothing').hasValue()", False),
        # jsonpatch.go
        ("jsonpatch.escapeKey('k8s.io/my~label')", "k8s.io~1my~0label"),
        # ext.Strings
        ("'TacoCat'.lowerAscii() + 'a'.upperAscii()", "tacocatA"),
        ("['a', 'b'].join('-')", "a-b"),
        ("' a '.trim().replace('a', 'b').charAt(0).substring(0)", "b"),
        ("'%s has %d'.format(['a', 3])", "a has 3"),
        # optionals
        ("optional.of(optional.of(1)).value().value()", 1),
        ("[?optional.of(1), ?optional.none()]", [1]),
        ("optional.of([1]).optMap(x, x.sum()).orValue(0)", 1),
        # a function that fails is an error like others
        ("'a'.find('(') == '' || true", True),
    ],
)
def test_results(environment: Environment, expression: str, result: object) -> None:
    program = environment.compile(expression)
    if result is None:
        with pytest.raises(EvaluationError, match=r"^URL parse error"):
            program.evaluate(VALUES)
    else:
        assert program.evaluate(VALUES) == result


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("quantity('x')", "quantities must match the regular expression"),
        ("quantity('1.5').asInteger()", "cannot convert value to integer"),
        ("'a'.find('(')", "Illegal regex: missing ): ("),
        ("'a'.find('((a{99}){99}){99}')", "Illegal regex"),
        ("ip('1.2.3')", 'IP Address "1.2.3" parse error during conversion from string'),
        ("cidr('1.2.3.4')", "network address parse error"),
        ("semver('1')", '"1" is not a semantic version'),
        ("numbers.filter(n, n > 9).max()", "max called on empty list"),
        ("[9223372036854775807, 1].sum()", "integer overflow"),
        ("object.name.sum()", "no such overload"),
        ("dyn(quantity('1')).isLessThan(semver('1.0.0'))", "no such overload"),
        ("dyn(semver('1.0.0')).add(1)", "no such overload"),
        ("dyn({'@type': 'net.IP'}).sign()", "no such overload"),
        ("dyn({'value': [1]}).hasValue()", "no such overload"),
        ("dyn([1, 'a']).min()", "no such overload"),
    ],
)
def test_errors(environment: Environment, expression: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        environment.compile(expression).evaluate(VALUES)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1') + 1",
        "quantity('1').isLessThan(semver('1.0.0'))",
        "ip('1.2.3.4').value",
        "quantity(1)",
        "[[1]].sum()",
        "'a'.findAll(1)",
    ],
)
def test_opaque_types_are_checked_when_compiling(environment: Environment, expression: str) -> None:
    with pytest.raises(CompileError, match=r"ERROR: <input>:1:"):
        environment.compile(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "[optional.of(1)]",
        "{'a': optional.of(1)}",
        "dyn(optional.of(1))",
        "true ? dyn(1) : optional.of(1)",
        "numbers.map(n, optional.of(n))",
        "cel.bind(a, dyn(optional.of(1)), [a].indexOf(1))",
        "quantity(optional.of('1'))",
        "google.protobuf.Int32Value{value: 1}",
        "google.protobuf.Struct{}",
        "optional.of(1)",
        "type(1)",
        " + ".join(["1"] * 400),
        " + ".join(["1"] * 9000),
        "[" * 200 + "]" * 200,
    ],
)
def test_what_would_end_the_process_does_not_compile(environment: Environment, expression: str) -> None:
    with pytest.raises(CompileError):
        environment.compile(expression)
