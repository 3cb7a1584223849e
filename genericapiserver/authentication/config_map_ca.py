"""A CA bundle that one key of a ConfigMap holds (Go .../dynamiccertificates/configmap_cafile_content.go).

`authentication.cluster` follows the ConfigMap that every cluster has, of which it wants more than one key; this is for
any other.
"""

import logging
from collections.abc import Mapping
from typing import Any

from genericapiserver.certificates import CertificateError, DynamicCAContent
from genericapiserver.certificates.changes import Listener, LoadState
from genericapiserver.client.informer import Informer
from genericapiserver.client.transport import Transport

logger = logging.getLogger(__name__)


class ConfigMapCAContent:
    """The bundle, current while `run` runs; until it is first read nobody is trusted, which keeps no server from starting.

    Put `run` among the content controllers of SecureServingInfo. A bundle that is broken, or gone with its ConfigMap,
    leaves the last good one in use. Raises CertificateError when *purpose* or one of the names is empty.
    """

    def __init__(self, purpose: str, namespace: str, name: str, key: str, transport: Transport) -> None:
        for value, what in (
            (purpose, "purpose for ca bundle"),
            (namespace, "namespace for ca bundle"),
            (name, "name for ca bundle"),
            (key, "key for ca bundle"),
        ):
            if not value:
                raise CertificateError(f"missing {what}")
        self._content = DynamicCAContent(f"{purpose}::{namespace}::{name}::{key}")
        self._namespace, self._config_map, self._key = namespace, name, key
        self._informer: Informer[Mapping[str, str]] = Informer(
            transport,
            f"/api/v1/namespaces/{namespace}/configmaps",
            _data,
            query={"fieldSelector": f"metadata.name={name}"},
        )
        self._informer.add_listener(self._take)

    @property
    def name(self) -> str:
        return self._content.name

    @property
    def state(self) -> LoadState:
        """How the last readings went."""
        return self._content.state

    def current_ca_bundle(self) -> bytes | None:
        return self._content.current_ca_bundle()

    def add_listener(self, listener: Listener) -> None:
        self._content.add_listener(listener)

    async def run(self) -> None:
        """Follow the ConfigMap until cancelled."""
        await self._informer.run()

    def _take(self) -> None:
        data = self._informer.get(self._config_map, namespace=self._namespace)
        if data is None:
            return
        before = self.state.problem
        try:
            if self._content.replace(data.get(self._key, "").encode()):
                logger.info("Loaded new content of %s", self.name)
        except CertificateError as error:
            if str(error) != before:
                logger.error("%s is not loaded anew, the old content stays in use: %s", self.name, error)


def _data(document: Mapping[str, Any]) -> Mapping[str, str]:
    data = document.get("data")
    return {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}
