"""Several processes that serve as one: the supervisor, what a worker says to it, and who of them leads.

Lives here: starting, watching and replacing workers, messages between them and the supervisor, electing a leader. Not here:
the flag and the command (`options`), sharing a storage (`storage`), what the pages show (`routes`). Knows nothing of HTTP,
and nothing of an engine. Imports only `aio` and `metrics`.
"""

from genericapiserver.workers.leader import FileLockLeader, Leader, SoleLeader
from genericapiserver.workers.supervisor import Supervisor
from genericapiserver.workers.worker import Worker, WorkerError

__all__ = ["FileLockLeader", "Leader", "SoleLeader", "Supervisor", "Worker", "WorkerError"]
