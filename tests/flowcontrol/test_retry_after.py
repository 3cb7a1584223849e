from genericapiserver.flowcontrol.retry_after import LONGEST, RetryAfter


def test_it_doubles_under_pressure_and_falls_by_one_afterwards() -> None:
    answer = RetryAfter()
    table = [
        (0, 5, 1), (1, 11, 2), (2, 1, 2), (3, 11, 4), (4, 1, 4), (7, 1, 8), (11, 1, 8), (15, 1, 7), (17, 1, 6),
        (21, 14, 5), (22, 1, 10),
    ]  # fmt: skip
    for second, refused, expected in table:
        for _ in range(refused):
            answer.record(1000 + second)
        assert answer.value == expected, second


def test_it_never_asks_for_more_than_half_a_minute() -> None:
    answer = RetryAfter()
    for second in range(1000, 1400):
        for _ in range(200):
            answer.record(second)
    assert answer.value == LONGEST
