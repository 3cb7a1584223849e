"""A simulation with minkapi: the same pods scheduled in two ways, in two sandboxes over one cluster.

`python -m examples.simulation` loads `cluster.yaml`, asks which nodes a pod would fit on, lets two schedulers place the
pods that wait, prints where their results differ, and serves all three views until a signal.
"""
