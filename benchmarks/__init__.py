"""How fast it is, in units of a bare hypercorn measured in the same run."""
