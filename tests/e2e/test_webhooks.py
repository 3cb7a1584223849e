"""Webhooks that are applied with kubectl to a running server: they take effect, and are refused when they make no sense."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.pki import issue
from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
AUTHORITY = issue("authority", ca=True)
Decide = Callable[[dict[str, Any]], dict[str, Any]]
