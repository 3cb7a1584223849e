"""What type-checks but must not run: the engine would crash on it, or its cost could not be bounded."""

from genericapiserver.cel.ast import Call, Comprehension, ListLiteral, Node, Select, Struct, Tree, children
from genericapiserver.cel.errors import CompileError

OPTIONAL = "optional_type"
MAX_DEPTH = 150
"""How deeply an expression may be nested: bounding its cost recurses."""
TOO_DEEP = "compilation failed: the expression is nested too deeply"
OF_OPTIONALS = frozenset(
    {
        "_?._",
        "_[?_]",
        "_[_]",
        "_==_",
        "_!=_",
        "_?_:_",
        "hasValue",
        "value",
        "or",
        "orValue",
        "optional.of",
        "optional.ofNonZeroValue",
        "type",
    }
)
"""Functions that may be given an optional."""


def check_tree(tree: Tree) -> None:
    """Raises CompileError.

    Functions of Python cannot be given an optional: the engine (0.1.3) ends the process. So an optional may not get to where
    its type is lost: into `dyn`, a list, a map, or one branch of a conditional that is no optional as a whole. Messages by
    name need the protobuf runtime, which is not there.
    """
    check_depth(tree)
    for node in tree.walk():
        if isinstance(node, Struct) and node.message:
            raise _refused(tree, node, f"undeclared reference to '{node.message}': messages cannot be made here")
        if isinstance(node, Comprehension):
            check_comprehension(tree, node)
        for part in children(node):
            if _is_optional(tree, part) and not _may_hold(tree, node, part):
                raise _refused(tree, part, "an optional cannot be used here: use orValue(), value() or `?` before it")


def check_depth(tree: Tree) -> None:
    level: list[Node] = [tree.root]
    for _ in range(MAX_DEPTH):
        level = [part for node in level for part in children(node)]
        if not level:
            return
    raise CompileError(TOO_DEEP)


def check_comprehension(tree: Tree, node: Comprehension) -> None:
    """Refuses loops other than those the macros make, whose cost is known."""
    if accumulates(node) is None:
        raise _refused(tree, node, "this kind of loop is not supported")


def accumulates(node: Comprehension) -> str | None:
    """What a loop makes: "bind" for cel.bind, which is none, "scalar" for all and exists, "list" for map and filter."""
    if isinstance(node.range, ListLiteral) and not node.range.elements:
        return "bind"
    if isinstance(node.init, ListLiteral) and not node.init.elements:
        return "list"
    return "scalar" if not children(node.init) else None


def _is_optional(tree: Tree, node: Node) -> bool:
    return tree.type_of(node).name == OPTIONAL


def _may_hold(tree: Tree, node: Node, part: Node) -> bool:
    match node:
        case Select():
            return True
        case Call():
            keeps = node.function != "_?_:_" or _is_optional(tree, node)
            return node.function in OF_OPTIONALS and keeps
        case ListLiteral():
            return any(node.elements[at] is part for at in node.optional)
        case Struct():
            return any(entry.value is part and entry.optional for entry in node.entries)
        case Comprehension():
            return accumulates(node) == "bind" and part in (node.init, node.result, node.step)
    return False


def _refused(tree: Tree, node: Node, text: str) -> CompileError:
    column = tree.positions.get(node.id, 0) + 1
    return CompileError(f"compilation failed: ERROR: <input>:1:{column}: {text}")
