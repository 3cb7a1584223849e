"""matchConditions: expressions that all have to be true for a webhook to be called. Go: plugin/webhook/matchconditions."""

from typing import Protocol

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.versioned import VersionedObjects


class ConditionError(Exception):
    """No condition was false, and at least one could not be evaluated; the text says which and why."""


class MatchConditions(Protocol):
    """The compiled conditions of one webhook or policy."""

    async def hold(self, attributes: Attributes, objects: VersionedObjects) -> bool:
        """Whether the write fulfils all of them. Raises ConditionError."""
