"""minkapi: a small Kubernetes API in memory, with views that can be forked, for simulations and tests of operators."""
