"""The wardle sample server: two versions of one kind, conversion, defaulting, validation, an admission plugin.

It is k8s.io/sample-apiserver in Python. `python -m examples.wardle` takes the reference's flags;
`python -m examples.wardle.standalone` (`make serve`) needs no other cluster.
"""
