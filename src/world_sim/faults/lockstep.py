"""Process faults in lockstep: what they mean where there are no processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy_interfaces.messages import MILLISECOND

SCHEDULER_SLICE_NS = 4 * MILLISECOND
"""How long other work holds a core once it has it; Linux's default base slice is about 3 ms."""


@dataclass
class _NodeState:
    running: bool = True
    hung: bool = False
    generation: int = 0
    slowdown: float = 1.0
    busy_until_ns: int = 0


class LockstepProcesses:
    """Says for each node whether its core may compute now, and when its result is out.

    A killed node's core is not stepped; started again, it is a fresh core (`generation` has
    grown). A hung one is not stepped and keeps its state. A slowed one takes `step_ns` times its
    factor for a step, and cannot begin another meanwhile. Under CPU load each step waits
    for a core: an exponential time of mean slice * share / (1 - share), at most 1 s.
    """

    def __init__(self, seed: int = 0, step_ns: int = 5 * MILLISECOND):
        self._rng = np.random.default_rng((seed, 0x10AD))
        self._step_ns = step_ns
        self._nodes: dict[str, _NodeState] = {}
        self._load = 0.0

    def begin_step(self, node: str, now_ns: int) -> int | None:
        """Ask to compute one step of `node` at `now_ns`.

        Returns:
            The instant at which its result is out, or None: it does not compute now.
        """
        if not self.responsive(node, now_ns):
            return None
        state = self._state(node)
        delay_ns = round(self._step_ns * (state.slowdown - 1.0)) + self._wait_ns()
        state.busy_until_ns = now_ns + delay_ns
        return state.busy_until_ns

    def responsive(self, node: str, now_ns: int) -> bool:
        """Whether the node could begin a step now: it hears what arrives, and sends."""
        state = self._state(node)
        return state.running and not state.hung and now_ns >= state.busy_until_ns

    def generation(self, node: str) -> int:
        """How many times the node was started again; a change means a fresh core."""
        return self._state(node).generation

    def running(self, node: str) -> bool:
        """Whether the node's process exists, hung or not."""
        return self._state(node).running

    def kill(self, node: str) -> None:
        """End the node."""
        self._state(node).running = False

    def start(self, node: str) -> None:
        """Start the node afresh, if it does not run."""
        state = self._state(node)
        if not state.running:
            self._nodes[node] = _NodeState(generation=state.generation + 1, slowdown=state.slowdown)

    def hang(self, node: str) -> None:
        """Stop the node from computing."""
        self._state(node).hung = True

    def resume(self, node: str) -> None:
        """Let the node go on."""
        self._state(node).hung = False

    def slow(self, node: str, factor: float) -> None:
        """Let the node compute `factor` times slower."""
        self._state(node).slowdown = factor

    def load(self, share: float) -> None:
        """Take `share` of every core."""
        self._load = share

    def _wait_ns(self) -> int:
        if self._load <= 0.0:
            return 0
        free = max(1.0 - self._load, 1e-3)
        wait_ns = self._rng.exponential(SCHEDULER_SLICE_NS * self._load / free)
        return min(round(wait_ns), 1000 * MILLISECOND)

    def _state(self, node: str) -> _NodeState:
        return self._nodes.setdefault(node, _NodeState())
