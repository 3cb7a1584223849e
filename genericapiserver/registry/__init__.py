"""Storage of resources as the API sees it: verb protocols, strategies, and the generic store over a storage backend.

Lives here: `rest` (what a resource may be asked), `strategy` and `before` (a kind's rules and the steps around a
write), `table` (the default columns), `generic` (the store most resources use), `status_store` (a status subresource
on a shared store). Storage errors become API errors here, once, and nowhere else. Not here: HTTP, encodings, admission
plugins, which arrive as plain callables. May import apimachinery, apis, storage, authentication, authorization and
request.
"""
