"""Which objects are meant: by namespace, names and labels. Source: MatchCriteria in minkapi's api/minkapi/types.go."""

from collections.abc import Iterable
from typing import Any, Final

import attrs

from genericapiserver.apimachinery import labels
from genericapiserver.storage.stored import StoredObject


def _selector(given: labels.Selector | str | None) -> labels.Selector | None:
    return labels.parse(given) if isinstance(given, str) else given


def _names(given: Iterable[str]) -> frozenset[str]:
    return frozenset((given,) if isinstance(given, str) else given)


@attrs.frozen(kw_only=True)
class MatchCriteria:
    """All that is given must hold. *namespace* "" is every one, no *names* are all, no *label_selector* matches all.

    A selector may be given as text (`app=web,tier!=cache`). Raises ValueError for one that cannot be read.
    """

    namespace: str = ""
    names: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    label_selector: labels.Selector | None = attrs.field(default=None, converter=_selector)

    def matches(self, obj: Any) -> bool:
        """Whether *obj*, an API object, is meant."""
        metadata = obj.metadata
        return self._matches(metadata.name, metadata.namespace, metadata.labels or {})

    def matches_stored(self, stored: StoredObject[Any]) -> bool:
        """The same, without making an object of what is stored where its key says enough."""
        name = stored.key.rpartition("/")[2]
        if self.names and name not in self.names:
            return False
        if self.label_selector is None and not self.namespace:
            return True
        attributes = stored.attributes
        return self._matches(name, attributes.fields.get("metadata.namespace", ""), attributes.labels)

    def _matches(self, name: str, namespace: str, found: Any) -> bool:
        return (
            (not self.namespace or namespace == self.namespace)
            and (not self.names or name in self.names)
            and (self.label_selector is None or self.label_selector.matches(found))
        )


MATCH_ALL_CRITERIA: Final = MatchCriteria()
