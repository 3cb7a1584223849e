"""Objects in an etcd v3 cluster, as Kubernetes keeps them. Needs the extra `etcd`, so it is imported where it is asked for.

Lives here: calls to the cluster (`client` over its `endpoint`s, `messages`), the files that prove both sides to each other
(`tls`) and their replacement while a server runs (`rotation`), the watch that brings everything (`feed`), proving that
nothing is missing (`freshness`), keys that expire (`leases`), compaction together with other servers (`compactor`), and the
engine over them (`engine`). Not here: what the bytes mean (`store`), caches (`cacher`).
"""
