"""API groups of Kubernetes' own control plane, for servers that have no other one beside them.

One module a group: its strategies, its storage and how it is installed on a server. The types are in `apis`. Source:
pkg/registry and pkg/controlplane/apiserver of k8s.io/kubernetes.
"""
