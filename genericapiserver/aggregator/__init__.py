"""One address for many API servers: it answers what it knows itself and passes on the rest, by APIService objects.

    registry      APIService as a served kind: validation, strategy, status, table
    controllers   what keeps routes and conditions following the objects, on one kit of queues
    proxy         a request on its way to a server behind: identity, TLS, streams, upgrades, errors
    server        AggregatorConfig -> CompletedAggregatorConfig -> APIAggregator, in front of the servers of this process
    options       flags to a config, and the command

Lives here: what k8s.io/kube-aggregator is in Go. Not here: the generic server it stands on. Imports every room below, and
none of the other three products.
"""
