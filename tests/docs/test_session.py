"""The rules by which pages are tried: docs/testing.md says them, and here they are seen to hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.kinds import decode, documents
from tests.docs.pages import BadMarkError, blocks_of
from tests.docs.session import Session, Step, agrees, missing_commands, steps_of
from tests.support.server_process import free_port


def run(folder: Path, page: str) -> None:
    blocks = blocks_of("page.md", page)
    session = Session(folder, blocks)
    try:
        for block in blocks:
            session.perform(block)
    finally:
        session.close()


def test_blocks_know_where_they_are_and_what_they_are() -> None:
    first, second, third = blocks_of(
        "p.md",
        "# x\n\n```python run\n1\n```\n\n- in a list\n\n  ```yaml file=a/b.yaml\n  c: d\n  ```\n\n```\n# notes.py\n```\n",
    )
    assert (first.place, first.language, first.is_run, first.file) == ("p.md:3", "python", True, "")
    assert (second.place, second.file, second.text) == ("p.md:9", "a/b.yaml", "c: d\n")
    assert (third.language, third.file) == ("", "notes.py")


@pytest.mark.parametrize("info", ["python runs", "yaml file=/etc/x", "yaml file=../x", "sh run quickly"])
def test_a_mark_that_means_nothing_is_refused(info: str) -> None:
    with pytest.raises(BadMarkError, match=r"^p\.md:1: "):
        blocks_of("p.md", f"```{info}\n```\n")


def test_a_console_block_is_commands_and_what_they_print() -> None:
    (block,) = blocks_of(
        "p.md", "```console run\n$ a \\\n  b\nx\n  y\n\n$ c <<'END'\nd\nEND\n$ e   # why\n$ V=1 W=2 f &\n```\n"
    )
    steps = steps_of(block)
    assert steps == [
        Step("a \\\n  b", "x\n  y"),
        Step("c <<'END'\nd\nEND", None),
        Step("e   # why", None),
        Step("V=1 W=2 f &", None),
    ]
    assert [step.words[0] for step in steps] == ["a", "c", "e", "f"]
    assert [step.in_background for step in steps] == [False, False, False, True]


def test_every_line_of_a_shell_block_is_a_command() -> None:
    (block,) = blocks_of("p.md", "```sh run\n# why\na\n\nb <<E\n# not why\nE\n```\n")
    assert [step.command for step in steps_of(block)] == ["a", "b <<E\n# not why\nE"]


@pytest.mark.parametrize(
    ("command", "is_server"),
    [
        ("genericapiserver serve x.py", True),
        ("A=1 genericapiserver serve x.py --port 1", True),
        ("genericapiserver serve x.py --help", False),
        ("genericapiserver --help", False),
        ("make serve PORT=7443", True),
        ("make test", False),
        ("python -m examples.wardle.standalone --data x", True),
        ("python -m examples.wardle --secure-port=1 &", False),
        ("echo genericapiserver serve", False),
        ("echo 'not closed", False),
    ],
)
def test_which_commands_are_servers(command: str, is_server: bool) -> None:
    assert Step(command, None).is_server is is_server


@pytest.mark.parametrize(
    ("printed", "shown", "agree"),
    [
        ("NAME   AGE\na      3s\n", "NAME  AGE\na     ...", True),
        ("NAME   AGE\na      3s\nb 4s\n", "NAME  AGE\n...\nb ...", True),
        ("NAME   AGE\na      3s\n", "NAME  AGE", False),
        ("x\n", "", False),
        ("", "...", True),
        ("a.b", "a?b", False),
        ("uid: 12-34 end", "uid: ... end", True),
        ("uid:12-34", "uid:...", True),
    ],
)
def test_what_agrees_with_what_is_shown(printed: str, shown: str, agree: bool) -> None:
    assert agrees(printed, shown) is agree


def test_commands_that_are_missing_are_named_once_each() -> None:
    page = "```console run\n$ no-such-thing\n$ cat x\n$ genericapiserver x\n$ no-such-thing y\n$ export A=1\n```\n"
    assert missing_commands(blocks_of("p.md", page)) == ["no-such-thing"]
    assert missing_commands(blocks_of("p.md", page.replace(" run", " no-run"))) == []


def test_a_page_is_one_session(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```yaml file=in/a.yaml\nport: 6443\n```\n"
        "```python\n# tool.py\nprint('tool')\n```\n"
        "```console run\n$ export A='b c'\n$ cd in\n```\n"
        "```console run\n$ echo $A; ls\nb c a.yaml\n$ cat a.yaml && false\nport: 6443\n```\n"
        "```sh run\ncd ..\npython tool.py | grep tool\n```\n"
        "```python run\nimport tool\n"
        "assert int(open('in/a.yaml').read().split()[1]) != 6000 + 443, 'the port is a free one'\n```\n",
    )


@pytest.mark.parametrize(
    "command",
    [
        "make serve DATA=$PWD/.w PORT=6443 ARGS='--goaway-chance=0 --storage-backend=memory'   # starts",
        "python -m examples.wardle.standalone --data .w",
        ".venv/bin/python -m examples.wardle.standalone --data .w & # x",
    ],
)
def test_the_sample_is_a_server_too(tmp_path: Path, command: str) -> None:
    run(
        tmp_path,
        f"```console run\n$ {command}\n```\n"
        "```python run\nimport ssl, urllib.request\n"
        "context = ssl.create_default_context(cafile='.w/pki/ca.crt')\n"
        "context.load_cert_chain('.w/pki/admin.crt', '.w/pki/admin.key')\n"
        "urllib.request.urlopen('https://127.0.0.1:6443/apis/wardle.example.com', context=context).close()\n```\n",
    )


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```console run\n$ false\n```\n", r"page.md:1: \$ false\nended with status 1"),
        ("```console run\n$ echo a\nb\n```\n", r"printed\na\n\nbut the page shows\nb"),
        ("```sh run\nexit 3\n```\n", "status 3"),
        ("```python run\nraise ValueError('why')\n```\n", "ValueError: why"),
        ("```console run\n$ genericapiserver serve none.py\n```\n", "none.py: no such file"),
        ("```console run\n$ sh -c 'exit 4' --port 1 &\n```\n", "ended with 4"),
    ],
)
def test_what_does_not_hold_is_a_failure_that_shows_it(tmp_path: Path, page: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run(tmp_path, page)


def test_what_goes_on_is_waited_for_and_ended(tmp_path: Path) -> None:
    port = free_port()
    run(
        tmp_path,
        "```python\n# listen.py\nimport http.server, sys\n"
        "address = ('127.0.0.1', int(sys.argv[1].split('=')[1]))\n"
        "http.server.HTTPServer(address, http.server.BaseHTTPRequestHandler).serve_forever()\n```\n"
        f"```console run\n$ python listen.py --port={port} &\n```\n"
        f"```python run\nimport urllib.error, urllib.request\ntry:\n    urllib.request.urlopen('http://127.0.0.1:{port}/')\n"
        "except urllib.error.HTTPError as error:\n    assert error.code == 501\n```\n",
    )


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
PROGRAM = (
    "things.py",
    "from genericapiserver.apimachinery.meta import Object\n"
    "from genericapiserver.apimachinery.types import api_type\n"
    "from genericapiserver.builder import Resource\n"
    "@api_type\nclass Thing(Object):\n    '''A thing.'''\n"
    "THINGS = Resource(Thing, group='things.example.com', version='v1')\n",
)
THING = "apiVersion: things.example.com/v1\nkind: Thing\nmetadata: {name: a}\n"


def test_documents_are_decoded_as_what_they_say_they_are() -> None:
    assert documents(f"---\n{NAMESPACE}---\n# nothing\n---\na: b\n") == [NAMESPACE, "a: b\n"]
    decode(NAMESPACE)
    decode("a: b\n")
    decode("apiVersion: v1\nkind: Config\nclusters: []\n")
    decode("apiVersion: wardle.example.com/v1beta1\nkind: Flunder\nmetadata: {name: a}\n")
    decode(THING, [PROGRAM])
    decode("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (f"{NAMESPACE}spec: {{finaliser: x}}\n", 'unknown field "spec.finaliser"'),
        (NAMESPACE.replace("name: a", "name: [a]"), "metadata.name|name"),
        (THING, 'no kind "Thing" is registered'),
        ("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Thing}\n", 'no kind "Thing" is registered'),
        (NAMESPACE.replace("Namespace", "Namespaces"), 'no kind "Namespaces" is registered'),
    ],
)
def test_what_is_not_what_it_says_it_is_is_refused(document: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        decode(document)
