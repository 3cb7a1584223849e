"""Impersonation within limits: only these identities, and only for these requests.

Plain impersonation lets the caller do whatever the other user may. A constrained mode takes two grants instead: one on
the identity (`impersonate:<mode>`) and one on what is done with it (`impersonate-on:<mode>:<verb of the request>`).
The modes are tried in this order, the plain one last:

    associated-node   a service account as the node that its pod runs on
    arbitrary-node    any node
    serviceaccount    a service account
    user-info         everybody else, with groups, extra and UID
    (legacy)          verb `impersonate`, as filters/impersonation.py

Behind the gate ConstrainedImpersonation. Mirrors pkg/endpoints/filters/impersonation of k8s.io/apiserver (KEP 5284).
"""

from genericapiserver.filters.constrained_impersonation.filter import with_constrained_impersonation

__all__ = ["with_constrained_impersonation"]
