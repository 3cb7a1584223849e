"""The widgets sample server: one kind with everything that a kind can have.

Status, scale, log and connect subresources, columns, field selectors, defaulting, every merge rule of apply.
`python -m examples.widgets` takes the reference's flags; `python -m examples.widgets.standalone` needs no other cluster.
"""
