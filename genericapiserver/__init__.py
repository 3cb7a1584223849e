"""Build Kubernetes-style API servers: declare types, choose a storage, serve kubectl.

The root modules are the server itself (pkg/server of k8s.io/apiserver); docs/architecture.md lists the rooms below it.
"""
