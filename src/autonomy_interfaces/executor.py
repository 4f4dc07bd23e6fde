"""An executor for one thread of plain callbacks, at a tenth of the cost of rclpy's.

rclpy's executor builds its wait set anew for every wait, and each callback triggers its guard
condition twice more, so that one message costs three such rebuilds. Here the wait set lives as
long as the node's entities do, and a ready callback is simply called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.event_handler import QoSPublisherEventType, QoSSubscriptionEventType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.subscription import Subscription

from autonomy_interfaces.mailbox import Dropped
from autonomy_interfaces.wire import WireError

SELDOM = 64
"""Of so many waits one looks for events that are worth a warning and no more."""
WARNINGS = tuple(
    (type(event), event)
    for event in (
        QoSPublisherEventType.RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS,
        QoSPublisherEventType.RCL_PUBLISHER_INCOMPATIBLE_TYPE,
        QoSSubscriptionEventType.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS,
        QoSSubscriptionEventType.RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE,
    )
)
"""QoS events that rclpy's default handlers log: they happen when an endpoint is discovered."""
KINDS = ("subscription", "guard_condition", "timer", "client", "service")


class LeanExecutor(SingleThreadedExecutor):
    """Runs the callbacks of nodes that one thread creates and spins; callbacks are no coroutines.

    Entities may be created and destroyed in callbacks. Futures and tasks of rclpy run too. A
    message whose callback raises `WireError` is dropped, and the log says so now and then.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._stale = True
        self._wait_set: Any = None
        self._waitables: list[Any] = []
        self._seldom: list[Any] = []
        self._waits = 0
        self._handles: dict[str, list[Any]] = {}
        self._ready: dict[str, dict[int, Callable[[], None]]] = {}
        self._dropped: dict[str, Dropped] = {}

    def add_node(self, node: Node) -> bool:
        """Add a node whose callbacks are run."""
        self._stale = True
        return bool(super().add_node(node))

    def remove_node(self, node: Node) -> None:
        """Run a node's callbacks no more."""
        self._stale = True
        super().remove_node(node)

    def wake(self) -> None:
        """Told by nodes that their entities have changed, and by the context that it ends."""
        self._stale = True
        super().wake()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait until something is ready, at most `timeout_sec`, and run all that is.

        Raises:
            ExternalShutdownException: the context has ended.
        """
        if not self._context.ok():
            raise ExternalShutdownException()
        if self._tasks:
            self._run_tasks()
        if self._stale:
            self._rebuild()
        wait_set, handles = self._wait_set, self._handles
        wait_set.clear_entities()
        for handle in handles["subscription"]:
            wait_set.add_subscription(handle)
        for handle in handles["guard_condition"]:
            wait_set.add_guard_condition(handle)
        for handle in handles["timer"]:
            wait_set.add_timer(handle)
        for handle in handles["client"]:
            wait_set.add_client(handle)
        for handle in handles["service"]:
            wait_set.add_service(handle)
        self._waits += 1
        waitables = self._waitables
        if self._waits % SELDOM == 0:
            waitables = waitables + self._seldom
        for waitable in waitables:
            waitable.add_to_wait_set(wait_set)
        wait_set.wait(-1 if timeout_sec is None or timeout_sec < 0.0 else int(timeout_sec * 1e9))
        if not self._context.ok():
            raise ExternalShutdownException()
        self._run_ready(wait_set, waitables)

    def _run_ready(self, wait_set: Any, waitables: list[Any]) -> None:
        """Run what is ready, once each; an entity that a callback destroyed is passed over."""
        work: list[Callable[[], None]] = [
            partial(_run_waitable, waitable, waitable.take_data())
            for waitable in waitables
            if waitable.is_ready(wait_set)
        ]
        for kind in ("timer", "subscription", "service", "client", "guard_condition"):
            runners = self._ready[kind]
            for pointer in wait_set.get_ready_entities(kind):
                runner = runners.get(pointer)
                if runner is not None:
                    work.append(runner)
        for runner in work:
            runner()
            if self._stale:
                # The rest is ready still, and is found again once the entities are known.
                return

    def _rebuild(self) -> None:
        """Collect the nodes' entities and make a wait set of their size."""
        self._stale = False
        nodes = self.get_nodes()
        entities: dict[str, list[Any]] = {
            "subscription": [s for n in nodes for s in n.subscriptions if self._runs(s)],
            "guard_condition": [g for n in nodes for g in n.guards if self._runs(g)],
            "timer": [t for n in nodes for t in n.timers if self._runs(t)],
            "client": [c for n in nodes for c in n.clients if self._runs(c)],
            "service": [s for n in nodes for s in n.services if self._runs(s)],
        }
        every = [w for n in nodes for w in n.waitables if self._runs(w)]
        self._seldom = [w for w in every if _only_warns(w)]
        self._waitables = [w for w in every if w not in self._seldom]
        runners: dict[str, Callable[[Any], None]] = {
            "subscription": self._run_subscription,
            "guard_condition": _run_guard,
            "timer": _run_timer,
            "client": _run_client,
            "service": _run_service,
        }
        self._ready = {
            kind: {entity.handle.pointer: partial(runners[kind], entity) for entity in of_kind}
            for kind, of_kind in entities.items()
        }
        self._handles = {kind: [e.handle for e in entities[kind]] for kind in KINDS}
        self._handles["guard_condition"] += [self._guard.handle, self._sigint_gc.handle]
        counts = [len(self._handles[kind]) for kind in KINDS] + [0]
        for waitable in every:
            own = waitable.get_num_entities()
            for i, number in enumerate(
                (
                    own.num_subscriptions,
                    own.num_guard_conditions,
                    own.num_timers,
                    own.num_clients,
                    own.num_services,
                    own.num_events,
                )
            ):
                counts[i] += number
        with self._context.handle:
            self._wait_set = _rclpy.WaitSet(*counts, self._context.handle)

    def _run_subscription(self, subscription: Any) -> None:
        """Hand on one message; one that its callback cannot read is dropped."""
        handle = subscription.handle
        with handle:
            taken = handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        alone = subscription._callback_type is Subscription.CallbackType.MessageOnly
        try:
            _finish(subscription.callback(*taken[:1] if alone else taken))
        except WireError as error:
            topic = subscription.topic_name
            self._dropped.setdefault(topic, Dropped(subscription)).tell(error)

    def _runs(self, entity: Any) -> bool:
        return bool(entity.callback_group.can_execute(entity))

    def _run_tasks(self) -> None:
        with self._tasks_lock:
            tasks = list(self._tasks)
            self._tasks.clear()
        for task, _, _ in tasks:
            task()
            if not task.done():
                raise TypeError("LeanExecutor runs plain callbacks, not coroutines that wait")


def _only_warns(waitable: Any) -> bool:
    """Whether it is one of `WARNINGS`; events of the two types compare equal by their number."""
    event = getattr(waitable, "event_type", None)
    return (type(event), event) in WARNINGS


def _run_waitable(waitable: Any, data: Any) -> None:
    _finish(waitable.execute(data))


def _run_timer(timer: Any) -> None:
    handle = timer.handle
    with handle:
        if not handle.is_timer_ready():
            return
        handle.call_timer()
    _finish(timer.callback())


def _run_guard(guard: Any) -> None:
    _finish(guard.callback())


def _run_service(service: Any) -> None:
    handle = service.handle
    with handle:
        request, header = handle.service_take_request(service.srv_type.Request)
    if header is not None:
        response = service.callback(request, service.srv_type.Response())
        service.send_response(response, header)


def _run_client(client: Any) -> None:
    handle = client.handle
    with handle:
        header, response = handle.take_response(client.srv_type.Response)
    if header is None:
        return
    try:
        future = client.get_pending_request(header.request_id.sequence_number)
    except KeyError:
        return
    future.set_result(response)


def _finish(result: object) -> None:
    """Drive a coroutine that never waits to its end, as those of rclpy's own waitables are."""
    if not inspect.iscoroutine(result):
        return
    try:
        result.send(None)
    except StopIteration:
        return
    result.close()
    raise TypeError("LeanExecutor runs plain callbacks, not coroutines that wait")
