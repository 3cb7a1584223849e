from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.managedfields.elements import Path, make_path
from genericapiserver.apimachinery.managedfields.path_set import PathSet, union_of

elements = st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"y"', "v:1", "i:0"])
paths = st.lists(elements, min_size=1, max_size=4).map(tuple)
path_lists = st.lists(paths, max_size=12)


def made(items: list[Path]) -> PathSet:
    return PathSet.of(*items)


@given(path_lists)
def test_a_set_holds_what_was_put_in(items: list[Path]) -> None:
    assert set(made(items)) == set(items)
    assert len(made(items)) == len(set(items))
    assert all(made(items).has(item) for item in items)
    assert bool(made(items)) == bool(items)


@given(path_lists, path_lists)
def test_operations_are_those_of_plain_sets_of_paths(left: list[Path], right: list[Path]) -> None:
    assert set(made(left).union(made(right))) == set(left) | set(right)
    assert set(made(left).intersection(made(right))) == set(left) & set(right)
    assert set(made(left).difference(made(right))) == set(left) - set(right)
    assert (made(left) == made(right)) == (set(left) == set(right))


@given(path_lists, path_lists)
def test_recursive_difference_takes_what_lies_below_too(left: list[Path], right: list[Path]) -> None:
    gone = {path for path in left if any(path[: len(other)] == other for other in right)}
    assert set(made(left).recursive_difference(made(right))) == set(left) - gone


@given(path_lists, path_lists)
def test_operands_stay_as_they_are_and_no_child_is_empty(left: list[Path], right: list[Path]) -> None:
    first, second = made(left), made(right)
    results = [
        first.union(second),
        first.intersection(second),
        first.difference(second),
        first.recursive_difference(second),
    ]
    assert first == made(left)
    assert second == made(right)
    for result in results:
        assert result == PathSet.of(*result)


@given(st.lists(path_lists, max_size=4))
def test_union_of_many(lists: list[list[Path]]) -> None:
    assert set(union_of(map(made, lists))) == {path for items in lists for path in items}


def test_taking_a_parent_away_leaves_its_children() -> None:
    paths = PathSet.of(make_path("a"), make_path("a", "b"))
    assert paths.difference(PathSet.of(make_path("a"))) == PathSet.of(make_path("a", "b"))
    assert not paths.recursive_difference(PathSet.of(make_path("a")))
    assert paths.recursive_difference(PathSet.of(make_path("a", "b"))) == PathSet.of(make_path("a"))


def test_the_whole_object_is_nobodys() -> None:
    assert not PathSet.of(())
    assert not PathSet.of(make_path("a")).has(())


def test_members_of_a_node_come_before_what_lies_below() -> None:
    paths = PathSet.of(make_path("a", "x"), make_path("b"), make_path("a"), make_path("c", "y"))
    assert list(paths) == [make_path("a"), make_path("b"), make_path("a", "x"), make_path("c", "y")]
    assert repr(paths) == "PathSet(.a, .b, .a.x, .c.y)"
