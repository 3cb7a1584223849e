"""Objects under keys with one global revision: engines, the store above them, and the watch cache in front.

Lives here: the engine protocol and its engines (bytes), `Store` (codec, preconditions, tokens, errors), `Cacher` (reads
and watches from memory), selection, storage errors. Not here: users, HTTP, validation, admission; what a verb means is
decided by the registry. May import apimachinery, apis, metrics, aio and asgi.

Read in this order: `engine` (what an engine promises), `interface` (what a backend promises), `store`, `cacher`.
"""
