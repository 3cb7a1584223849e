"""The generic store: every verb of an ordinary resource over a storage backend, steered by a strategy and by hooks.

Lives here: `store` (the class), one module per writing verb, keys, the translation of storage errors, dry run. Not
here: how objects are kept (storage) and what a kind wants (its strategy).
"""
