"""API types of Kubernetes itself that a server serves or consumes, one module for each group-version.

Here: the types and their registration. Not here: anything that is done with them. May import rows 0 and 1.
"""
