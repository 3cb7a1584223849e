"""The log of events where several events have one revision, as in etcd when a lease ends."""

from genericapiserver.storage.engine import EngineEvent
from genericapiserver.storage.event_log import BATCH_EVENTS, EventLog


def test_a_batch_never_ends_within_a_revision() -> None:
    log = EventLog(1)
    log.publish([EngineEvent(2, b"/a", b"x", None, 2, 0)])
    log.publish([EngineEvent(3, b"/r/%05d" % number, None, b"x", 2, 2) for number in range(BATCH_EVENTS + 5)])
    log.publish([EngineEvent(4, b"/z", b"x", None, 4, 0)])
    first = log.read(b"/", b"0", 1)
    assert (len(first.events), first.rev) == (BATCH_EVENTS + 6, 3)
    rest = log.read(b"/", b"0", first.rev)
    assert ([event.key for event in rest.events], rest.rev) == ([b"/z"], 4)
