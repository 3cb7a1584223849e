"""An extension server with tokens and notes, and an application around it that takes the tokens.

`python -m examples.ext` serves the API over TLS, for kubectl and for a cluster's own server, and an application that has the
same API below `/ext`. Objects are kept in memory. What it shows is told in docs/ext.md.
"""
