"""The writes that are admitted. Reads never are."""

import enum


class Operation(enum.StrEnum):
    """What is being done to an object.

    A patch is an UPDATE, or a CREATE when server-side apply makes the object; deletecollection is one DELETE per
    object; a subresource that connects (proxy, exec) is CONNECT.
    """

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
