"""The server: one resource, and the options that every program built on the toolkit takes."""

import sys
from collections.abc import Sequence

from examples.widgets.strategy import WidgetStrategy
from examples.widgets.subresources import SUBRESOURCES
from examples.widgets.types import GROUP_VERSION, Widget, add_to_scheme
from genericapiserver.builder import Resource
from genericapiserver.builder.program import ResourceServerOptions
from genericapiserver.options.command import run_command
from genericapiserver.registry.table import TableColumn, created_at

COLUMNS = (
    TableColumn("Name", lambda widget: widget.metadata.name, format="name", doc="The widget's name."),
    TableColumn("Color", lambda widget: widget.spec.color, doc="The widget's color."),
    TableColumn("Replicas", lambda widget: widget.spec.replicas, type="integer", doc="How many are wanted."),
    TableColumn("Phase", lambda widget: widget.status.phase, doc="The widget's state."),
    TableColumn("Created At", created_at, type="date", doc="When it was made."),
    TableColumn(
        "Parts", lambda widget: len(widget.spec.parts), type="integer", priority=1, doc="How many parts it has."
    ),
)
WIDGETS = Resource(
    Widget,
    group=GROUP_VERSION.group,
    version=GROUP_VERSION.version,
    short_names=["wd", "wdg"],
    categories=["all", "things"],
    strategy=WidgetStrategy,
    columns=COLUMNS,
    selectable={"spec.color": lambda widget: widget.spec.color, "status.phase": lambda widget: widget.status.phase},
    add_to_scheme=add_to_scheme,
    subresources=SUBRESOURCES,
)


def new_options() -> ResourceServerOptions:
    return ResourceServerOptions([WIDGETS], name="widgets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until a signal; the exit status."""
    return run_command("widgets-apiserver", new_options(), sys.argv[1:] if arguments is None else arguments)
