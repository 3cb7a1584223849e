"""Every row of the CSV files in a folder is an object: the file is its namespace, the column `name` its name."""

import csv
import os
from pathlib import Path

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.builder import Source
from genericapiserver.registry.table import TableColumn

FOLDER = Path(os.environ.get("STOCK_FOLDER", Path(__file__).with_name("stock")))


@api_type
class ItemSpec:
    """What there is of an item."""

    amount: int = field(default=0, doc="How many there are.")
    place: str = field(default="", doc="Where they lie.")


@api_type
class Item(Object):
    """An item in a warehouse."""

    spec: ItemSpec = field(factory=ItemSpec, doc="What there is of it.")


def items() -> list[Item]:
    files = [file for file in FOLDER.iterdir() if file.suffix == ".csv"]  # an error where there is no folder
    return [item(file.stem, row) for file in files for row in csv.DictReader(file.read_text("utf-8").splitlines())]


def item(namespace: str, row: dict[str, str]) -> Item:
    metadata = ObjectMeta(name=row["name"], namespace=namespace, labels={"kind": row["kind"]})
    return Item(metadata=metadata, spec=ItemSpec(amount=int(row["amount"]), place=row["place"]))


COLUMNS = [
    TableColumn("Name", "metadata.name", format="name"),
    TableColumn("Amount", "spec.amount", type="integer"),
    TableColumn("Place", "spec.place", priority=1),
]
ITEMS = Source(
    Item, group="stock.example.com", version="v1", list=items, interval=1.0, columns=COLUMNS, selectable=["spec.place"]
)
