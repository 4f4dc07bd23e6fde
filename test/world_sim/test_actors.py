"""Actors follow their scripts; lidars see them and robots that they meet have touched them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sdf_text
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import MILLISECOND, SECOND, LaserScan, Pose2D
from world_sim.scripted import pose_at
from world_sim.sdf.actors import PERSON_HEIGHT, PERSON_RADIUS
from world_sim.sdf.pose import Pose3, Vector3, planar
from world_sim.sdf.types import Trajectory
from world_sim.simulator import Simulator
from world_sim.world import WorldError, load_world


def actor(script: str, name: str = "walker", content: str = "") -> str:
    return f'\n<actor name="{name}">{content}\n<script>{script}</script></actor>'


def trajectory(*waypoints: tuple[float, float, float], tension: float = 1.0) -> str:
    text = "".join(
        f"<waypoint><time>{t}</time><pose>{x} {y} 1 0 0 0</pose></waypoint>"
        for t, x, y in waypoints
    )
    return f'<trajectory id="0" type="walk" tension="{tension}">{text}</trajectory>'


def simulate(tmp_path, *content: str, seed: int = 0) -> Simulator:
    text = sdf_text.world(*content, sdf_text.two_wheeler())
    return Simulator(load_world(sdf_text.write(tmp_path, text)), seed=seed)


def scan_of(simulator: Simulator) -> np.ndarray:
    scans = []
    while not scans:
        measured = simulator.advance(20 * MILLISECOND)
        scans = [m.message for m in measured if isinstance(m.message, LaserScan)]
    return scans[-1].ranges


def position(simulator: Simulator, name: str = "walker::body") -> tuple[float, float]:
    place = simulator.data.mocap_pos[simulator.model.body(name).mocapid[0]]
    return float(place[0]), float(place[1])


def test_a_person_walks_from_waypoint_to_waypoint(tmp_path):
    script = "<loop>false</loop>" + trajectory((0, 3, 0), (2, 3, 2), (3, 5, 2))
    simulator = simulate(tmp_path, actor(script))
    simulator.advance(SECOND)
    # With tension 1 the spline is the straight line, walked with ease at both ends.
    np.testing.assert_allclose(position(simulator), (3, 1), atol=1e-6)
    simulator.advance(SECOND)
    np.testing.assert_allclose(position(simulator), (3, 2), atol=1e-6)
    simulator.advance(5 * SECOND)
    np.testing.assert_allclose(position(simulator), (5, 2), atol=1e-6)


def test_a_loop_begins_anew_after_its_delay(tmp_path):
    script = "<delay_start>1</delay_start>" + trajectory((0, 3, 0), (1, 3, 2), (2, 3, 0))
    simulator = simulate(tmp_path, actor(script))
    walked = []
    for _ in range(6):
        simulator.advance(SECOND)
        walked.append(position(simulator)[1])
    np.testing.assert_allclose(walked, [0, 2, 0, 2, 0, 2], atol=1e-6)


def test_one_that_does_not_start_by_itself_stands_at_its_first_waypoint(tmp_path):
    script = "<auto_start>false</auto_start>" + trajectory((0, 3, 1), (1, 9, 9))
    simulator = simulate(tmp_path, actor(script))
    simulator.advance(3 * SECOND)
    assert position(simulator) == (3.0, 1.0)


def test_waypoints_are_given_in_the_frame_that_the_actor_s_pose_places(tmp_path):
    script = "<loop>0</loop>" + trajectory((0, 0, 0), (1, 2, 0))
    placed = actor(script, content=f"<pose>3 0 0 0 0 {math.pi / 2}</pose>")
    simulator = simulate(tmp_path, placed)
    simulator.advance(2 * SECOND)
    np.testing.assert_allclose(position(simulator), (3, 2), atol=1e-6)


def test_a_lidar_sees_the_person_where_it_is(tmp_path):
    script = "<loop>false</loop>" + trajectory((0, 4, 0), (4, 2, 0))
    simulator = simulate(tmp_path, actor(script))
    ahead = 180
    first = scan_of(simulator)[ahead]
    assert first == pytest.approx(4 - 0.1 - PERSON_RADIUS, abs=0.02)
    simulator.advance(4 * SECOND)
    assert scan_of(simulator)[ahead] == pytest.approx(2 - 0.1 - PERSON_RADIUS, abs=0.02)


def test_a_person_who_walks_into_the_robot_has_touched_it(tmp_path):
    script = "<loop>false</loop>" + trajectory((0, 3, 0), (3, 0.4, 0))
    simulator = simulate(tmp_path, actor(script, "porter"))
    simulator.advance(2 * SECOND)
    assert simulator.contacts_since_start == []
    simulator.advance(2 * SECOND)
    assert {model for _, model in simulator.contacts_since_start} == {"porter"}
    time_ns = simulator.contacts_since_start[0][0]

    # The robot's front is at 0.25 m: the person meets it with its skin at 0.5 m.
    def x_at(t): return pose_at(simulator.world.models[-1].trajectory, t).position.x  # fmt: skip

    touched = next(t for t in np.arange(0, 3, 0.001) if x_at(t) <= 0.25 + PERSON_RADIUS)
    assert time_ns / SECOND == pytest.approx(touched, abs=0.02)


def test_a_cart_has_the_shapes_of_its_link(tmp_path):
    shape = f"<geometry>{sdf_text.box(0.6, 2.0, 1.0)}</geometry>"
    cart = (
        f'<link name="body"><pose>0 0 0.5 0 0 0</pose><collision name="c">{shape}</collision>'
        f'<visual name="v">{shape}</visual></link>'
    )
    script = "<loop>false</loop>" + trajectory((0, 4, 0), (1, 4, 1)).replace(" 1 0 0 0", " 0 0 0 0")
    simulator = simulate(tmp_path, actor(script, "cart_1", cart))
    assert scan_of(simulator)[180] == pytest.approx(4 - 0.1 - 0.3, abs=0.01)
    assert simulator.world.models[-1].links[0].visuals[0].geometry.size == Vector3(0.6, 2.0, 1.0)


def test_a_person_stands_on_the_ground_whatever_the_origin_of_its_skin(tmp_path):
    world = load_world(
        sdf_text.write(tmp_path, sdf_text.world(actor(trajectory((0, 1, 2), (1, 2, 2)))))
    )
    walker = world.models[-1]
    assert [pose.position.z for pose in walker.trajectory.poses] == [0.0, 0.0]
    assert walker.links[0].visuals[0].pose.position.z == PERSON_HEIGHT / 2


def test_one_who_runs_the_simulation_can_move_an_actor(tmp_path):
    simulator = simulate(tmp_path, actor(trajectory((0, 3, 0), (1, 3, 5))))
    simulator.place_actor("walker", Pose2D(2.0, 0.0, 1.0))
    simulator.advance(SECOND)
    assert position(simulator) == (2.0, 0.0)
    with pytest.raises(KeyError, match="no actor 'nobody'; there are: walker"):
        simulator.place_actor("nobody", Pose2D(0, 0, 0))


def test_actors_are_the_same_on_every_run(tmp_path):
    script = trajectory((0, 3, -2), (2.5, 3, 2), (5, 3, -2), tension=0.3)

    def run() -> list[bytes]:
        simulator = simulate(tmp_path, actor(script), seed=7)
        measured = simulator.advance(3 * SECOND)
        return [m.message.ranges.tobytes() for m in measured if isinstance(m.message, LaserScan)]

    assert run() == run()


@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.floats(-9, 9), st.floats(-3, 3)), min_size=2),
    st.floats(0, 1),
    st.floats(0, 60),
)
def test_a_body_is_at_each_waypoint_at_its_time_and_never_jumps(steps, tension, time_s):
    times = tuple(np.cumsum([step[0] for step in steps]).tolist())
    poses = tuple(planar(step[1], -step[1], step[2]) for step in steps)
    path = Trajectory(times, poses, tension, loop=False)
    for at, pose in zip(times, poses, strict=True):
        np.testing.assert_allclose(pose_at(path, at).position, pose.position, atol=1e-9)
    now, soon = pose_at(path, time_s), pose_at(path, time_s + 1e-6)
    assert math.dist(now.position, soon.position) < 1e-3
    assert sum(value * value for value in now.orientation) == pytest.approx(1.0)


def test_a_spline_of_one_waypoint_stays_there():
    assert pose_at(Trajectory((0.0,), (planar(1, 2, 0.5),)), 7.0) == planar(1, 2, 0.5)
    assert pose_at(Trajectory((0.0,), (Pose3(),), delay_s=5.0), 1.0) == Pose3()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (trajectory((1, 0, 0), (1, 1, 0)), r"<waypoint>: its time 1 s is not after.*; give times"),
        (trajectory((-1, 0, 0)), "<time> must not be negative"),
        (trajectory((0, 0, 0), tension=math.nan), "<tension>: nan"),
        ("<loop>perhaps</loop>" + trajectory((0, 0, 0)), "<loop>: expected true or false"),
    ],
)
def test_a_script_that_cannot_be_followed_is_refused(tmp_path, script, expected):
    with pytest.raises(WorldError, match=expected):
        load_world(sdf_text.write(tmp_path, sdf_text.world(actor(script))))
