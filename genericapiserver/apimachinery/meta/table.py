"""Table: objects as rows of cells, which is what `kubectl get` shows."""

from genericapiserver.apimachinery.meta.objects import ListMeta
from genericapiserver.apimachinery.types import Int32, RawJSON, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

INCLUDE_NONE = "None"
INCLUDE_METADATA = "Metadata"
INCLUDE_OBJECT = "Object"


@api_type
class TableColumnDefinition:
    """TableColumnDefinition describes one column."""

    name: str = field(doc="The heading.")
    type: str = field(doc="OpenAPI type of the cells, such as number, integer, string, date.")
    format: str = field(
        default="", omit_empty=False, doc="OpenAPI format; `name` marks the column that identifies a row."
    )
    description: str = field(default="", omit_empty=False, doc="What the column shows.")
    priority: Int32 = field(default=0, omit_empty=False, doc="Columns above 0 are shown in wide output only.")


@api_type
class TableRowCondition:
    """TableRowCondition marks a row, for example as completed."""

    type: str = field(doc="Type of the condition.")
    status: str = field(doc="True, False or Unknown.")
    reason: str = field(default="", doc="A word for the last change.")
    message: str = field(default="", doc="More about the last change.")


@api_type
class TableRow:
    """TableRow is one object."""

    cells: list[RawJSON] = field(doc="A value for each column.", list_type="atomic")
    conditions: list[TableRowCondition] = field(factory=list, doc="Marks of the row.", list_type="atomic")
    object: RawJSON = field(
        default=None, omit_empty=False, format="RawExtension", doc="The object, as includeObject asked for it."
    )


@api_type(root=True)
class Table:
    """Table is a list of objects, one row each."""

    metadata: ListMeta = field(factory=ListMeta, doc="Metadata of the list or of the object.")
    column_definitions: list[TableColumnDefinition] = field(
        factory=list, omit_empty=False, null_when_empty=True, doc="The columns.", list_type="atomic"
    )
    rows: list[TableRow] = field(
        factory=list, omit_empty=False, null_when_empty=True, doc="The rows.", list_type="atomic"
    )


@api_type(root=True)
class TableOptions:
    """TableOptions are the options of asking for a Table."""

    include_object: str = field(default="", doc="What each row holds: None, Metadata (the default) or Object.")
