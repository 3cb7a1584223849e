"""`python -m examples.ext`: the server over TLS, the application beside it, certificates and a kubeconfig in a folder."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig

from examples.ext.application import new_application
from examples.ext.server import new_extension
from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority, KeyPair
from genericapiserver.certificates import DynamicCAContent, DynamicCertKeyContent, SNICertKeyContent
from genericapiserver.connection import create_listener
from genericapiserver.signals import setup_signal_handler


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("examples.ext", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".ext"), help="the folder of certificates and kubeconfig")
    parser.add_argument("--port", type=int, default=6443, help="where the API is served")
    parser.add_argument("--application-port", type=int, help="where the application is served, if it is to be")
    return parser.parse_args(arguments)


def application_config(port: int, pair: KeyPair) -> HypercornConfig:
    config = HypercornConfig()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = str(pair.certificate), str(pair.key)
    config.loglevel = "WARNING"
    config.graceful_timeout = 1.0  # watches are ended then
    return config


async def main(options: argparse.Namespace) -> None:
    stop = setup_signal_handler()
    authority = Authority(options.data / "pki")
    pair, admin = authority.server("localhost", "127.0.0.1"), authority.client("admin", "system:masters")
    kubeconfig = options.data / "kubeconfig"
    url = f"https://localhost:{options.port}"
    write_kubeconfig(kubeconfig, server=url, authority=authority.files.certificate, client=admin, name="ext")
    extension = new_extension(
        create_listener("127.0.0.1", options.port),
        users=DynamicCAContent.from_file("users", authority.files.certificate),
        pair=SNICertKeyContent(DynamicCertKeyContent.from_files("ext", pair.certificate, pair.key)),
    )
    async with extension.server.serving():
        sys.stdout.write(f"the API is ready on {url}\ntry:  kubectl --kubeconfig {kubeconfig} get tokens,notes\n")
        sys.stdout.flush()
        if options.application_port is None:
            await stop()
        else:
            application: Any = new_application(extension)
            await serve(application, application_config(options.application_port, pair), shutdown_trigger=stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(parse(sys.argv[1:])))
