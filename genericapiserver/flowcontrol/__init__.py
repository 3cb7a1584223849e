"""Priority and fairness: which requests are served now, which wait, and which are refused. It knows no HTTP.

    FlowSchemas ─ classification ─> schema, flow ─ shuffle sharding ─> a queue of the priority level ─ queue_set ─> seats

Lives here: everything between "this user asks for this" and "go on". Not here: headers, answers and waiting, which is
`filters.priority_and_fairness`; the pages under /debug, which `routes` serves from `dump`; the API objects, which
`controlplane.flowcontrol` serves. May import rooms of rows 0 to 6. Everything runs on one event loop and nothing waits, so
there are no locks: a request for which there is a seat costs a few plain calls. Source: pkg/util/flowcontrol of
k8s.io/apiserver.
"""
