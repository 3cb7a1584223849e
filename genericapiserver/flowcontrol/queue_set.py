"""The queues and seats of one priority level: fair queuing in virtual time.

The level's seats are shared out as if every queue that has something to do were served at the same time, a little of each:
virtual time R is the work that each of them would have got by now. A queue remembers in `next_dispatch_r` up to where its
work has been dispatched; the head that would be done first goes next. How long a request takes is guessed first and put
right when it is done. With a seat free and nobody waiting a request passes straight through, leaving the same traces.

Source: pkg/util/flowcontrol/fairqueuing/queueset of k8s.io/apiserver. Seat-seconds are floats here, which do not overflow,
so that R never jumps back (the reference's epochs).
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.go.times import format_duration
from genericapiserver.flowcontrol.flow_metrics import FlowMetrics
from genericapiserver.flowcontrol.seat_demand import SeatDemandIntegrator
from genericapiserver.flowcontrol.utilization import LevelUtilization
from genericapiserver.flowcontrol.work import SERVICE_TIME, WorkEstimate

QUEUE_FULL: Final = "queue-full"
CONCURRENCY_LIMIT: Final = "concurrency-limit"
TIME_OUT: Final = "time-out"

LOGGED_LENGTH: Final = 64

WAITING, EXECUTING, REJECTED, FINISHED = range(4)

CallLater = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""


@attrs.frozen(kw_only=True)
class QueuingConfig:
    """How the level queues. No queues: what has no seat is refused; *exempt*: everything has a seat."""

    queues: int = 0
    length_limit: int = 0
    exempt: bool = False


class Queue:
    """Requests that wait, in the order of their arrival, and what is known of those dispatched from here."""

    __slots__ = (
        "executing",
        "index",
        "initial_seats_waiting",
        "next_dispatch_r",
        "seats_in_use",
        "seats_waiting",
        "waiting",
        "work_waiting",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.waiting: deque[Request] = deque()
        self.executing = 0
        self.seats_in_use = 0
        self.next_dispatch_r = 0.0
        self.initial_seats_waiting = 0
        self.seats_waiting = 0
        self.work_waiting = 0.0

    @property
    def active(self) -> bool:
        return bool(self.waiting or self.executing)

    def put(self, request: "Request") -> None:
        work = request.work
        self.waiting.append(request)
        self.initial_seats_waiting += work.initial_seats
        self.seats_waiting += work.seats
        self.work_waiting += work.total

    def forget(self, request: "Request") -> None:
        """Take the sums of a request that has left `waiting` back."""
        work = request.work
        self.initial_seats_waiting -= work.initial_seats
        self.seats_waiting -= work.seats
        self.work_waiting = self.work_waiting - work.total if self.waiting else 0.0

    def bound(self) -> None:
        """No queue saves up: what waits here cannot have been served before it came."""
        if self.waiting and self.next_dispatch_r < self.waiting[0].arrival_r:
            self.next_dispatch_r = self.waiting[0].arrival_r


class Request:
    """One request's way through a level. Made by `QueueSet.start`; `state` says where it is."""

    __slots__ = (
        "arrival",
        "arrival_r",
        "details",
        "distinguisher",
        "finished",
        "flow",
        "on_dispatch",
        "queue",
        "reason",
        "started",
        "state",
        "work",
    )

    def __init__(
        self,
        state: int,
        flow: FlowMetrics,
        distinguisher: str,
        work: WorkEstimate,
        queue: Queue | None,
        arrival: float,
        arrival_r: float,
        details: Any,
    ) -> None:
        self.state = state
        self.flow = flow
        self.distinguisher = distinguisher
        self.work = work
        self.queue = queue
        self.arrival = arrival
        self.arrival_r = arrival_r
        self.details = details
        """Whatever the caller wants to find again in a dump."""
        self.started = 0.0
        self.finished = 0.0
        self.reason = ""
        """Why it was refused."""
        self.on_dispatch: Callable[[], None] | None = None
        """Called when a request that waits gets its seats."""

    def log_pairs(self) -> list[tuple[str, str | int]]:
        """What the log of requests says of this one."""
        work = self.work
        pairs: list[tuple[str, str | int]] = [
            ("apf_pl", self.flow.level[:LOGGED_LENGTH]),
            ("apf_fs", self.flow.schema[:LOGGED_LENGTH]),
            ("apf_iseats", work.initial_seats),
            ("apf_fseats", work.final_seats),
            ("apf_additionalLatency", format_duration(work.additional_latency)),
        ]
        if self.state == FINISHED:
            pairs.append(("apf_execution_time", format_duration(self.finished - self.started)))
        return pairs


class QueueSet:
    """The queues of one level. Every method is quick and none waits; times are seconds of *clock*."""

    def __init__(self, *, clock: Callable[[], float], call_later: CallLater) -> None:
        self._clock = clock
        self._call_later = call_later
        self._last = clock()
        self.config = QueuingConfig()
        self.limit = 0
        self.queues: list[Queue] = []
        self.r = 0.0
        self.dispatch_r = self.latest_s = 0.0
        self.s_bounds = self.discounted_s_bounds = (0.0, 0.0)
        self.demand = SeatDemandIntegrator(self._last)
        self.utilization = LevelUtilization(self._last)
        self.executing: set[Request] = set()
        self.seats_in_use = 0
        self.waiting = 0
        self.seats_waiting = 0
        self.dispatched = self.rejected = self.timed_out = self.cancelled = 0
        self._enqueued = 0
        self._robin = -1
        self._active = 0
        self._busy: set[Queue] = set()
        """The queues in which somebody waits."""

    @property
    def idle(self) -> bool:
        return not self.waiting and not self.executing

    # ---- configuration

    def measure(self) -> None:
        """Bring the histograms of utilization up to this moment."""
        self._advance(self._clock())
        self.utilization.times.fold()

    def configure(self, config: QueuingConfig, limit: int, *, full: int | None = None) -> None:
        """Use *config* and *limit* from now on. Queues beyond the wanted number stay until they are empty.

        *full* is the number of seats that utilization is measured by, *limit* unless a level without a limit has one.
        """
        self._advance(self._clock())
        if config.queues <= 0 and self.queues and config.length_limit <= 0:
            config = attrs.evolve(config, length_limit=self.config.length_limit)
        self.config, self.limit = config, limit
        self.utilization.resize(
            seats=limit if full is None else full, places=max(1, config.length_limit) * max(1, config.queues)
        )
        for index in range(len(self.queues), config.queues):
            self.queues.append(Queue(index))
        for queue in [queue for queue in self.queues if not queue.active and not queue.seats_in_use]:
            self._remove_surplus(queue)
        self._dispatch()

    def _remove_surplus(self, queue: Queue) -> None:
        if len(self.queues) <= max(self.config.queues, 0) or queue.active or queue.seats_in_use:
            return
        del self.queues[queue.index]
        for later in self.queues[queue.index :]:
            later.index -= 1
        if self._robin >= queue.index:
            self._robin -= 1

    # ---- requests

    def start(
        self,
        flow: FlowMetrics,
        hand: Sequence[int],
        distinguisher: str,
        work: WorkEstimate,
        details: Any = None,
    ) -> Request:
        """Take one request in: afterwards it is EXECUTING, WAITING or REJECTED.

        *hand* are the queues of its flow, ignored where there are none. One that is EXECUTING must come to `finish`; one
        that is WAITING to `withdraw`, or to `finish` once `on_dispatch` was called.
        """
        now = self._clock()
        self._advance(now)
        config = self.config
        if config.queues <= 0:
            request = Request(EXECUTING, flow, distinguisher, work, None, now, self.r, details)
            if not self._fits(work.seats):
                return self._refuse(request, CONCURRENCY_LIMIT)
            self._execute(request, now)
            return request
        queue = self._choose(hand)
        request = Request(WAITING, flow, distinguisher, work, queue, now, self.r, details)
        if self.seats_in_use >= self.limit and len(queue.waiting) >= config.length_limit:
            queue.bound()
            return self._refuse(request, QUEUE_FULL)
        if not queue.waiting and not queue.executing:
            queue.next_dispatch_r = self.r
            self._active += 1
        if not self.waiting and self.seats_in_use < self.limit and self._fits(work.seats):
            # Nobody is ahead and there is a seat: what putting it into the queue and taking it out again comes to.
            if queue.next_dispatch_r < self.r:
                queue.next_dispatch_r = self.r
            flow.queue_length.observe(1)
            self._narrow(request)
            self._dispatch_from(queue, request, now)
            return request
        queue.put(request)
        queue.bound()
        self._busy.add(queue)
        self.waiting += 1
        self.seats_waiting += work.seats
        flow.waiting += 1
        flow.waiting_seats += work.seats
        flow.queue_length.observe(len(queue.waiting))
        self.demand.set(now, self.seats_in_use + self.seats_waiting)
        self._dispatch()
        return request

    def refuse_late(self, flow: FlowMetrics, distinguisher: str, work: WorkEstimate, details: Any = None) -> Request:
        """Count a request as one that has waited too long, though it did so elsewhere."""
        request = Request(REJECTED, flow, distinguisher, work, None, self._clock(), self.r, details)
        self.timed_out += 1
        return self._refuse(request, TIME_OUT)

    def withdraw(self, request: Request, *, cancelled: bool = False) -> bool:
        """Take a request that waits out of its queue: its time is over, or *cancelled* by who sent it.

        False when it does not wait (any more). Counted as rejected with `time-out` either way, as in the reference.
        """
        queue = request.queue
        if request.state != WAITING or queue is None:
            return False
        now = self._clock()
        self._advance(now)
        queue.waiting.remove(request)
        self._left_queue(queue, request)
        queue.bound()
        if not queue.active:
            self._active -= 1
            self._remove_surplus(queue)
        if cancelled:
            self.cancelled += 1
        else:
            self.timed_out += 1
        self._refuse(request, TIME_OUT)
        self.demand.set(now, self.seats_in_use + self.seats_waiting)
        # A head that did not fit may have gone, and the one behind it may.
        self._dispatch()
        return True

    def finish(self, request: Request) -> None:
        """The handler is done, however it ended. Does nothing the second time."""
        if request.state != EXECUTING:
            return
        now = self._clock()
        self._advance(now)
        request.state = FINISHED
        request.finished = now
        flow, work, queue = request.flow, request.work, request.queue
        self.executing.discard(request)
        flow.executing -= 1
        if queue is not None:
            queue.executing -= 1
            if not queue.executing and not queue.waiting:
                self._active -= 1
            queue.next_dispatch_r -= work.initial_seats * (SERVICE_TIME - (now - request.started))
            queue.bound()
        if work.additional_latency > 0:
            self._call_later(work.additional_latency, lambda: self._release_later(request))
        else:
            self._release(request, now)
        if self.waiting:
            self._dispatch()

    # ---- inside

    def _advance(self, now: float) -> None:
        """Move virtual time on to *now*."""
        self.utilization.times.ends((self.seats_in_use, len(self.executing), self.waiting, self.seats_waiting), now)
        active = self._active
        if active:
            requested = self.seats_in_use + self.seats_waiting
            self.r += (min(self.limit, requested)) / active * (now - self._last)
        self._last = now

    def _choose(self, hand: Sequence[int]) -> Queue:
        """The queue of *hand* with the least work waiting; of equals the next in turn."""
        count = len(hand)
        offset = self._enqueued % count
        self._enqueued += 1
        queues = self.queues
        best = queues[hand[offset]]
        if not self.waiting or not best.waiting:
            return best
        for at in range(offset + 1, offset + count):
            queue = queues[hand[at % count]]
            if queue.work_waiting < best.work_waiting:
                best = queue
        return best

    def _fits(self, seats: int) -> bool:
        if self.config.exempt:
            return True
        if seats > self.limit:
            # It will never fit; so that it is served at all it gets the level for itself.
            return not self.executing
        return self.seats_in_use + seats <= self.limit

    def _refuse(self, request: Request, reason: str) -> Request:
        request.state = REJECTED
        request.reason = reason
        self.rejected += 1
        request.flow.reject(reason)
        return request

    def _execute(self, request: Request, now: float) -> None:
        flow, seats = request.flow, request.work.seats
        request.state = EXECUTING
        request.started = now
        self.executing.add(request)
        self.seats_in_use += seats
        self.dispatched += 1
        flow.dispatched += 1
        flow.executing += 1
        flow.executing_seats += seats
        self.demand.set(now, self.seats_in_use + self.seats_waiting)

    def _dispatch_from(self, queue: Queue, request: Request, now: float) -> None:
        self.dispatch_r, self.latest_s = self.r, queue.next_dispatch_r
        queue.executing += 1
        queue.seats_in_use += request.work.seats
        queue.next_dispatch_r += request.work.total
        self._execute(request, now)

    def _dispatch(self) -> None:
        """Give seats to those whose turn it is, until the next one does not fit."""
        while self.waiting and self.seats_in_use < self.limit:
            queue = self._next_queue()
            request = queue.waiting[0]
            if not self._fits(request.work.seats):
                # Nobody overtakes it: a wide request would otherwise wait for ever.
                request.flow.no_accommodation += 1
                return
            self._robin = queue.index
            queue.waiting.popleft()
            self._left_queue(queue, request)
            self._narrow(request)
            self._dispatch_from(queue, request, self._last)
            queue.bound()
            if request.on_dispatch is not None:
                request.on_dispatch()

    def _next_queue(self) -> Queue:
        """The busy queue whose head would be done first; of equals the next after the last one served."""
        count, first = len(self.queues), self._robin + 1
        busy = self._busy
        starts = [queue.next_dispatch_r for queue in busy]
        self.s_bounds = min(starts), max(starts)
        discounted = [queue.next_dispatch_r - queue.seats_in_use * SERVICE_TIME for queue in busy]
        self.discounted_s_bounds = min(discounted), max(discounted)
        return min(
            busy,
            key=lambda queue: (queue.next_dispatch_r + queue.waiting[0].work.total, (queue.index - first) % count),
        )

    def _left_queue(self, queue: Queue, request: Request) -> None:
        queue.forget(request)
        if not queue.waiting:
            self._busy.discard(queue)
        seats = request.work.seats
        self.waiting -= 1
        self.seats_waiting -= seats
        request.flow.waiting -= 1
        request.flow.waiting_seats -= seats

    def _narrow(self, request: Request) -> None:
        """What is held afterwards must not be wider than the level has become."""
        if request.work.final_seats > self.limit:
            request.work = request.work.narrowed_to(self.limit)

    def _release_later(self, request: Request) -> None:
        now = self._clock()
        self._advance(now)
        self._release(request, now)
        self._dispatch()

    def _release(self, request: Request, now: float) -> None:
        seats, queue = request.work.seats, request.queue
        self.seats_in_use -= seats
        request.flow.executing_seats -= seats
        self.demand.set(now, self.seats_in_use + self.seats_waiting)
        if queue is not None:
            queue.seats_in_use -= seats
            if len(self.queues) > self.config.queues:
                self._remove_surplus(queue)
