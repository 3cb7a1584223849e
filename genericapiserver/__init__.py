"""Build Kubernetes-style API servers: declare types, choose a storage, serve kubectl.

Root modules are the server itself (Go's k8s.io/apiserver pkg/server); rooms below it are listed in docs/architecture.md.
"""
