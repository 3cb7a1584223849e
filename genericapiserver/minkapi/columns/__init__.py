"""What `kubectl get` shows of each kind, as a cluster shows it.

Where a cluster fills in a default on creation and nobody did here, a cell takes what is absent for that default. Source:
pkg/printers/internalversion/printers.go of k8s.io/kubernetes.
"""
