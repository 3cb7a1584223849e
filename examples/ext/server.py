"""The extension server: who is who, who may do what, and the two resources."""

import socket
from pathlib import Path
from typing import Final

import attrs

from examples.ext.notes import NoteStorage
from examples.ext.tokens import TokenStore
from examples.ext.types import GROUP_VERSION, Token, TokenList, new_scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authorization.builtin import PrivilegedGroupsAuthorizer
from genericapiserver.authorization.rbac_sources import RBACFiles
from genericapiserver.authorization.union import UnionAuthorizer
from genericapiserver.certificates import CAContentProvider, SNICertKeyContent
from genericapiserver.ext import (
    AccessSetAuthorizer,
    AccessStore,
    ClientCertificateAuthenticator,
    ExtensionAPIServer,
    ExtensionAPIServerOptions,
    ScopeUserAuthenticator,
    UnionAuthenticator,
    definitions_of,
    install_store,
)

ROLES: Final = Path(__file__).with_name("roles.yaml")


@attrs.frozen(eq=False)
class Extension:
    """The server, and the tokens that an application can take for credentials."""

    server: ExtensionAPIServer
    tokens: TokenStore


def new_extension(listener: socket.socket, *, users: CAContentProvider, pair: SNICertKeyContent) -> Extension:
    """A server on *listener* for users with certificates of *users*, and for those whom an application knows."""
    scheme = new_scheme()
    server = ExtensionAPIServer(
        scheme,
        CodecFactory(scheme),
        ExtensionAPIServerOptions(
            authenticator=UnionAuthenticator(ClientCertificateAuthenticator(users), ScopeUserAuthenticator()),
            authorizer=UnionAuthorizer(
                PrivilegedGroupsAuthorizer({"system:masters"}), AccessSetAuthorizer(AccessStore(RBACFiles([ROLES])))
            ),
            listener=listener,
            get_openapi_definitions=definitions_of(scheme),
            openapi_definition_name_replacements={"examples.ext.types": "com.example.ext.v1"},
            sni_certs=[pair],
        ),
    )
    tokens = TokenStore()
    install_store(server, Token, TokenList, "tokens", "token", GROUP_VERSION.with_kind("Token"), tokens)
    server.install("notes", GROUP_VERSION.with_kind("Note"), NoteStorage())
    return Extension(server, tokens)
