import pytest

from genericapiserver.request import WarningRecorder


def texts(recorder: WarningRecorder) -> list[str]:
    assert all(name == b"warning" for name, _ in recorder.headers)
    return [value.decode() for _, value in recorder.headers]


def test_without_an_agent_the_header_says_a_dash() -> None:
    recorder = WarningRecorder()
    recorder.add("careful")
    assert texts(recorder) == ['299 - "careful"']


def test_a_text_counts_once_whoever_raises_it() -> None:
    recorder = WarningRecorder()
    recorder.add("careful", "one")
    recorder.add("careful", "two")
    assert texts(recorder) == ['299 one "careful"']


def test_quotes_and_backslashes_are_escaped_and_other_scripts_kept() -> None:
    recorder = WarningRecorder()
    recorder.add('a "b" \\c Iñtërnâtiô')
    assert texts(recorder) == ['299 - "a \\"b\\" \\\\c Iñtërnâtiô"']


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        ("", ""),
        ("", "my\ntext"),
        ("", "my\x7ftext"),
        ("", "bad\udc80bytes"),
        ("my agent", "text"),
        ('my"agent', "text"),
        ("my\\agent", "text"),
        ("my\tagent", "text"),
    ],
)
def test_what_a_header_cannot_carry_is_left_out(agent: str, text: str) -> None:
    recorder = WarningRecorder()
    recorder.add(text, agent)
    assert recorder.headers == []


def test_beyond_the_budget_every_text_is_cut() -> None:
    recorder = WarningRecorder(total_limit=25, item_limit=5)
    for text in ("aaaaaaaaaa", "aaaaaaaaaa", "bb", "ccc", "Iñtërnâtiô"):
        recorder.add(text)
    assert texts(recorder) == ['299 - "aaaaaaaaaa"', '299 - "bb"', '299 - "ccc"', '299 - "Iñtërnâtiô"']
    for text in ("e", "ffffffffff", "ffffffffff", "gggggggggg", "h"):
        recorder.add(text)
    expected = ["aaaaa", "bb", "ccc", "Iñtër", "e", "fffff", "ggggg"]
    assert texts(recorder) == [f'299 - "{text}"' for text in expected]


def test_cleared_warnings_are_not_sent() -> None:
    recorder = WarningRecorder()
    recorder.add("a")
    recorder.clear()
    recorder.add("a")
    assert texts(recorder) == ['299 - "a"']
