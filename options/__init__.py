"""Flags and files to a Config: one module per group of options, and what they have in common.

Each group has `add_flags(flags)`, `validate()` and `apply_to(config)`; its flags carry the reference's names, defaults
and meanings. This is the only room that knows command lines. May import every room below the products.
Source: pkg/server/options of k8s.io/apiserver.
"""
