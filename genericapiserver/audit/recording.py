"""From a request to its event: what the request line, the headers and the connection say.

Source: pkg/audit/request.go (LogRequestMetadata) of k8s.io/apiserver and pkg/util/net/http.go (SourceIPs) of
k8s.io/apimachinery. Credentials are not read here: no header but the three below, and no `access_token` of the query.
"""

import functools
import ipaddress
from typing import Final

from genericapiserver.asgi import Scope
from genericapiserver.audit.event import AuditEvent, EventRecord, ObjectReference, micro_time, raw_user
from genericapiserver.audit.policy import RequestAuditConfig
from genericapiserver.request import RequestContext, RequestInfo
from genericapiserver.request.redact import without_secrets

MAX_USER_AGENT_LENGTH: Final = 1024
_TRUNCATED: Final = b"...TRUNCATED"

_USER_AGENT: Final = b"user-agent"
_FORWARDED_FOR: Final = b"x-forwarded-for"
_REAL_IP: Final = b"x-real-ip"
_MAX_REMEMBERED_LENGTH: Final = 128


def new_event(context: RequestContext, scope: Scope, settings: RequestAuditConfig) -> AuditEvent:
    """The event of the request of *context*, with the annotations that were made before; no stage is set yet."""
    agent = forwarded = real = b""
    for name, value in reversed(scope["headers"]):  # of several lines of a name the first counts
        if name == _USER_AGENT:
            agent = value
        elif name == _FORWARDED_FOR:
            forwarded = value
        elif name == _REAL_IP:
            real = value
    client = scope.get("client")
    info = context.request_info
    record = EventRecord(
        level=settings.level_text,
        audit_id=_utf8(context.audit_id),
        request_uri=without_secrets(_utf8(context.request_uri)),
        verb=info.verb,
        user=raw_user(context.user),
        source_ips=source_ips(client[0] if client else "", forwarded, real),
        user_agent=_user_agent(agent) if agent else None,
        object_ref=_reference(info) if info.is_resource_request else None,
        request_received_timestamp=micro_time(context.received_at),
    )
    if context.early_annotations:
        record.annotations = dict(context.early_annotations)
    return AuditEvent(
        record,
        settings.level,
        omit_stages=settings.omit_stages,
        omit_managed_fields=settings.omit_managed_fields,
    )


def _reference(info: RequestInfo) -> ObjectReference:
    return ObjectReference(
        info.resource or None,
        info.namespace or None,
        info.name or None,
        None,
        info.api_group or None,
        info.api_version or None,
        None,
        info.subresource or None,
    )


def _utf8(text: str) -> str:
    """Text that was made of bytes one by one, as the UTF-8 that it most likely was."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text


def _user_agent(agent: bytes) -> str:
    if len(agent) > MAX_USER_AGENT_LENGTH:
        agent = agent[:MAX_USER_AGENT_LENGTH] + _TRUNCATED
    return agent.decode("utf-8", "replace")


def source_ips(peer: str, forwarded_for: bytes, real_ip: bytes) -> tuple[str, ...]:
    """Where a request says it comes from: proxies' lists first, which anybody can write, the peer itself last.

    What is no address is left out; the peer is not said twice.
    """
    if len(forwarded_for) + len(real_ip) > _MAX_REMEMBERED_LENGTH:
        return _source_ips(peer, forwarded_for, real_ip)
    return _remembered_source_ips(peer, forwarded_for, real_ip)


def _source_ips(peer: str, forwarded_for: bytes, real_ip: bytes) -> tuple[str, ...]:
    addresses = [address for part in forwarded_for.split(b",") if (address := _address(part.decode("latin-1").strip()))]
    real = _address(real_ip.decode("latin-1"))
    if real and real not in addresses:
        addresses.append(real)
    own = _address(peer)
    if own and (not addresses or addresses[-1] != own):
        addresses.append(own)
    return tuple(addresses)


_remembered_source_ips = functools.lru_cache(maxsize=1024)(_source_ips)


def _address(text: str) -> str:
    """*text* as Go prints the address in it; "" when there is none."""
    if not text or "%" in text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
