"""`Object{...}` and `JSONPatch{...}` in the expressions of mutations, written as maps.

The reference has types for them that admit any field (pkg/cel/mutation). The engine makes messages of declared types only,
so such a literal becomes a map literal with its name at `@object` before it is compiled:

    Object{spec: Object.spec{replicas: 2}}
    {"@object": dyn("Object"), "spec": {"@object": dyn("Object.spec"), "replicas": 2}}

Whether the names fit the fields that they stand in is checked on the result, as in the reference.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from genericapiserver.admission.policy.expressions import ExpressionError

TYPE: Final = "@object"
ROOT: Final = "Object"
PATCH: Final = "JSONPatch"
PATCH_FIELDS: Final = frozenset({"op", "path", "from", "value"})

_STRING = (
    r"""[rRbB]{0,2}(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")"""
)
_TOKEN = re.compile(
    rf"(?P<skip>\s+|//[^\n]*|{_STRING})"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\s*\.\s*[A-Za-z_][A-Za-z0-9_]*)*)(?=(?P<space>\s*)(?P<brace>\{)?)"
    r"|(?P<quoted>`[^`\n]*`)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"


def rewrite(source: str) -> str:
    """*source* with maps for its object literals. What is no such literal stays as it is."""
    return "".join(_rewritten(source))


def _rewritten(source: str) -> Iterator[str]:
    open_: list[bool] = []  # for each bracket that is open, whether it is an object literal
    pending = ""  # the name of the object literal whose brace comes next
    expects_field = False
    for token in _TOKEN.finditer(source):
        text = token.group()
        if token["skip"] is not None:
            yield text
            continue
        if pending:
            yield f'{{"{TYPE}": dyn("{pending}")'
            empty = source[token.end() :].lstrip().startswith("}")
            yield "" if empty else ", "
            open_.append(True)
            pending, expects_field = "", True
            continue
        if expects_field and (token["name"] or token["quoted"]):
            yield f'"{text.strip("`")}"'
            expects_field = False
            continue
        name = re.sub(r"\s", "", token["name"] or "")
        if token["brace"] and name.partition(".")[0] in (ROOT, PATCH):
            pending = name
            continue
        if text in _OPENING:
            open_.append(False)
        elif text in _CLOSING and open_:
            open_.pop()
        elif text == "," and open_ and open_[-1]:
            expects_field = True
        yield text


def plain_object(value: Any) -> dict[str, Any]:
    """What an ApplyConfiguration yielded, without the names. Raises ExpressionError for what is no `Object`."""
    if not isinstance(value, dict) or value.get(TYPE) != ROOT:
        raise ExpressionError("must evaluate to Object")
    found: dict[str, Any] = _plain(value, ROOT)
    return found


def plain_operations(value: Any) -> list[dict[str, Any]]:
    """What a JSONPatch yielded, as operations. Raises ExpressionError for what is none."""
    if not isinstance(value, list):
        raise ExpressionError("type mismatch: JSONPatchType.expression should evaluate to array")
    return [_operation(item) for item in value]


def _operation(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.get(TYPE) != PATCH:
        raise ExpressionError("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
    unknown = sorted(item.keys() - PATCH_FIELDS - {TYPE})
    if unknown:
        raise ExpressionError(f"type mismatch: JSONPatch has no field {unknown[0]}")
    for field in ("op", "path", "from"):
        if not isinstance(item.get(field, ""), str):
            raise ExpressionError(f"type mismatch: JSONPatch.{field} must be a string")
    operation = {key: item[key] for key in ("op", "path") if key in item}
    if item.get("from"):
        operation["from"] = item["from"]
    if "value" in item:
        value = item["value"]
        operation["value"] = _plain(value, value.get(TYPE, "") if isinstance(value, dict) else "")
    return operation


def _plain(value: Any, path: str) -> Any:
    """*value* without names. Raises ExpressionError for a name that is not that of the field it stands in."""
    if isinstance(value, list):
        return [_plain(item, path) for item in value]
    if not isinstance(value, dict):
        if isinstance(value, bytes):
            raise ExpressionError("a value of type bytes cannot be put into an object: use base64")
        return value
    name = value.get(TYPE)
    if name is not None and path and name != path:
        raise ExpressionError(
            f'type mismatch: unexpected type name "{name}", expected "{path}", which matches field name path from root '
            "Object type"
        )
    # A map of the user's has no names to check below it, but what stands in it may.
    return {
        key: _plain(item, f"{path}.{key}" if name is not None else "") for key, item in value.items() if key != TYPE
    }
