"""Tokens of other issuers: OpenID Connect and what looks like it.

    authenticator   one issuer's tokens, from text to user
    issuers         all of them, as one token authenticator that runs in the background
    issuer          where an issuer's keys are: discovery, the key set, and when to fetch it anew
    verifier        what has to be true of a token before its claims are believed
    claims          from claims to a user; expressions does the same with CEL
    distributed     groups that the token only points to
    validation      whether a configuration makes sense

Source: plugin/pkg/authenticator/token/oidc, pkg/authentication/cel and pkg/apis/apiserver/validation of k8s.io/apiserver,
and github.com/coreos/go-oidc, whose texts these are.
"""
