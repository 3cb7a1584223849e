"""List options in the form that servers work with: selectors parsed (apimachinery pkg/apis/meta/internalversion)."""

import attrs

from genericapiserver.apimachinery import fields, labels


@attrs.define(kw_only=True)
class ListOptions:
    """The options of a list or a watch; selectors that were not given match everything."""

    label_selector: labels.Selector = attrs.field(factory=labels.Selector)
    field_selector: fields.Selector = attrs.field(factory=fields.Selector)
    watch: bool = False
    allow_watch_bookmarks: bool = False
    resource_version: str = ""
    resource_version_match: str = ""
    timeout_seconds: int | None = None
    limit: int = 0
    continue_token: str = ""
    send_initial_events: bool | None = None
