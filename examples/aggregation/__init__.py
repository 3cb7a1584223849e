"""Two extension servers behind one aggregating server, on one machine: `python -m examples.aggregation`.

    kubectl ── front ─┬─ wardle   wardle.example.com/v1alpha1, v1beta1   (examples/wardle)
                      └─ kitchen  kitchen.example.com/v1                 (kitchen.py, written with the builder)

docs/aggregator.md says what to try.
"""
