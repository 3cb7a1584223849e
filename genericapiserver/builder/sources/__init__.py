"""Resources over somebody else's data: what a source's functions say is mirrored in the server's own storage.

    source      the declaration: functions, and how often and how long they are asked
    calls       asking them: threads, time-outs, errors
    metrics     how long they take, and how they fail
    metadata    what the source does not know of an object: identity, age, who manages what
    mirror      the copy in the storage, and how a snapshot is written to it
    snapshots   one list() for everybody who waits, and polling while somebody watches
    backend     the StorageBackend made of these, which the generic store takes for any other
    watch       a watch that keeps the polling going

Why a mirror. Resource versions, watches that resume, consistent pages, bookmarks and compare-and-swap all rest on a storage
that counts changes; with a copy of the source in one, all of that is what it is for every other resource. The source
stays the truth: a read of the newest state asks it first and writes what changed to the copy, so that the answer, its
resource version and the events of watches agree. The copy lies in the server's own storage and not beside it, because what
no source keeps (resource versions, first seen, managed fields, finalizers) has to survive a restart: where the
storage is a file, a client that resumes its watch after one is told what changed meanwhile.
"""

from genericapiserver.builder.sources.source import Source

__all__ = ["Source"]
