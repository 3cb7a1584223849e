"""Rewrite the list of packages in pyproject.toml from what lies on disk (tests/test_packaging.py compares the two)."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SIBLINGS = ("filters", "healthz", "mux", "options", "routes")


def packages() -> list[str]:
    found = set()
    for top in ("genericapiserver", *SIBLINGS):
        for init in (CHECKOUT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(CHECKOUT).parts
            found.add(".".join(parts if top == "genericapiserver" else ("genericapiserver", *parts)))
    return sorted(found)


def main() -> None:
    project = CHECKOUT / "pyproject.toml"
    lines = "".join(f'    "{name}",\n' for name in packages())
    text = re.sub(r"(?s)(\npackages = \[\n).*?\]", lambda match: f"{match[1]}{lines}]", project.read_text("utf-8"))
    project.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
