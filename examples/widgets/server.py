"""The server: one resource, and the options that every program built on the toolkit takes."""

import sys
from collections.abc import Sequence

from examples.widgets.strategy import WidgetStatusStrategy, WidgetStrategy
from examples.widgets.subresources import Echo, Log
from examples.widgets.types import Widget, set_defaults
from genericapiserver.builder import Resource, ResourceServerOptions
from genericapiserver.options.command import run_command
from genericapiserver.registry.scale_store import ScaleFields
from genericapiserver.registry.table import TableColumn, created_at

WIDGETS = Resource(
    Widget,
    group="demo.example.com",
    version="v1",
    short_names=["wd", "wdg"],
    categories=["all", "things"],
    strategy=WidgetStrategy,
    defaults=set_defaults,
    columns=[
        TableColumn("Name", "metadata.name", format="name", doc="The widget's name."),
        TableColumn("Color", "spec.color", doc="The widget's color."),
        TableColumn("Replicas", "spec.replicas", type="integer", doc="How many are wanted."),
        TableColumn("Phase", "status.phase", doc="The widget's state."),
        created_at("When it was made."),
        TableColumn(
            "Parts", lambda widget: len(widget.spec.parts), type="integer", priority=1, doc="How many parts it has."
        ),
    ],
    selectable=["spec.color", "status.phase"],
    status=WidgetStatusStrategy,
    scale=ScaleFields(selector="spec.selector", tracks_managers=False),
    subresources={"log": Log, "echo": Echo},
)


def new_options() -> ResourceServerOptions:
    return ResourceServerOptions([WIDGETS], name="widgets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until a signal; the exit status."""
    return run_command("widgets-apiserver", new_options(), sys.argv[1:] if arguments is None else arguments)
