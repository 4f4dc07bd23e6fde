"""`edge-autonomy worlds watch`: a world or a running stack on the page, until it is ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.parameters import read_parameter_files
from autonomy_interfaces.share import share_directory
from world_sim.faults import Fault
from world_sim.watch.scene import scene_of
from world_sim.watch.server import LiveServer
from world_sim.world import World, load_model

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """How a world is played for the page; see `Play`. speed: simulated seconds per second."""

    faults: Sequence[Fault] = ()
    seed: int = 0
    speed: float = 1.0
    robot: str = "model://rover"
    pose: Pose2D | None = None


def watch_world(world: World, options: PlayOptions, port: int, announce: Announce) -> None:
    """Play a world and let the page drive it, until interrupted.

    Raises:
        WatchError: the port cannot be used.
        WorldError: the world cannot be played.
    """
    from world_sim.watch.play import Play, play

    game = Play(world, options.faults, options.seed, options.robot, options.pose)
    with _until_interrupted() as ended, LiveServer(game.scene, port, game.drive) as server:
        announce(server.url)
        play(game, server, options.speed, ended)


def watch_stack(world: World | None, namespace: str, port: int, announce: Announce) -> None:
    """Show a running stack, in its world where that is given, until interrupted.

    Raises:
        WatchError: the port cannot be used.
    """
    from world_sim.watch.ros_view import Topics, show_stack

    parameters = read_parameter_files([share_directory() / "config" / "robot.yaml"], "live_view")
    lidar = Pose2D(*(float(value) for value in parameters.get("lidar_pose", (0.0, 0.0, 0.0))))
    scene = scene_of(world, {namespace or "robot": load_model("model://rover", [Path()])})
    with _until_interrupted() as ended, LiveServer(scene, port) as server:
        announce(server.url)
        show_stack(server, Topics(namespace, lidar), ended)


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    ended = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ended.set()) for number in signals]
    try:
        yield ended
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
