"""An extension server written with the builder: recipes."""

import sys

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.builder import Resource, serve
from genericapiserver.registry.table import TableColumn


@api_type
class RecipeSpec:
    """RecipeSpec is how to cook something."""

    servings: Int32 = field(default=2, doc="For how many it is.")
    steps: list[str] = field(factory=list, doc="What to do, in order.")


@api_type
class Recipe(Object):
    """Recipe is something to cook."""

    spec: RecipeSpec = field(factory=RecipeSpec, doc="How to cook it.")


RECIPES = Resource(
    Recipe,
    group="kitchen.example.com",
    version="v1",
    columns=[
        TableColumn("Name", "metadata.name", format="name"),
        TableColumn("Servings", "spec.servings", type="integer"),
    ],
)

if __name__ == "__main__":
    sys.exit(serve(RECIPES, name="kitchen"))
