"""Scans and odometry become a costmap that shows what is there, where it is, and no more."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonomy_interfaces.messages import MILLISECOND, Costmap, LaserScan, Odometry
from autonomy_nodes.perception import grid
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig, inscribed_radius

BEAMS = 721
ANGLE_MIN = -2.35619
INCREMENT = 2 * 2.35619 / (BEAMS - 1)
CONFIG = PerceptionConfig(window_size=12.0, resolution=0.05, lidar_pose=(0.0, 0.0, 0.0))


def scan_of(ranges, stamp_ns=0) -> LaserScan:
    return LaserScan(
        stamp_ns, np.asarray(ranges, dtype=np.float32), ANGLE_MIN, INCREMENT, 0.1, 30.0
    )


def still(stamp_ns=0, x=0.0, y=0.0, yaw=0.0, **twist) -> Odometry:
    return Odometry(stamp_ns, x, y, yaw, **twist)


def cost_at(costmap: Costmap, x: float, y: float) -> int:
    row = math.floor((y - costmap.origin_y) / costmap.resolution)
    col = math.floor((x - costmap.origin_x) / costmap.resolution)
    return int(costmap.data[row, col])


def wall_ranges(distance: float, yaw: float = 0.0):
    """Ranges to the wall x = distance (odometry frame) from the origin at heading `yaw`."""
    bearing = yaw + ANGLE_MIN + INCREMENT * np.arange(BEAMS)
    with np.errstate(divide="ignore"):
        ranges = distance / np.cos(bearing)
    return np.where((ranges > 0) & (ranges < 30), ranges, np.inf)


def occupied_points(costmap: Costmap):
    rows, cols = np.nonzero(costmap.data == 100)
    x = costmap.origin_x + (cols + 0.5) * costmap.resolution
    y = costmap.origin_y + (rows + 0.5) * costmap.resolution
    return np.column_stack([x, y])


def test_a_return_is_occupied_the_way_to_it_free_and_behind_it_unknown():
    costmap = LocalCostmap(CONFIG).step(scan_of(wall_ranges(3.02)), still())
    assert cost_at(costmap, 3.02, 0.0) == 100
    assert cost_at(costmap, 1.0, 0.0) == 0
    assert cost_at(costmap, 4.5, 0.0) == -1
    assert cost_at(costmap, -3.0, 0.0) == -1


def test_what_went_away_is_cleared():
    core = LocalCostmap(CONFIG)
    core.step(scan_of(wall_ranges(2.0)), still())
    for i in range(1, 8):
        stamp = i * 50 * MILLISECOND
        costmap = core.step(scan_of(np.full(BEAMS, np.inf), stamp), still(stamp))
    assert cost_at(costmap, 2.0, 0.0) == 0


def test_one_stray_beam_does_not_erase_an_obstacle():
    core = LocalCostmap(CONFIG)
    for i in range(3):
        core.step(scan_of(wall_ranges(2.0), i), still(i))
    costmap = core.step(scan_of(np.full(BEAMS, np.inf), 3), still(3))
    assert cost_at(costmap, 2.0, 0.0) == 100


def test_cost_falls_with_distance_from_the_obstacle():
    ranges = np.full(BEAMS, np.inf)
    ranges[BEAMS // 2] = 3.0
    costmap = LocalCostmap(CONFIG).step(scan_of(ranges), still())
    profile = [cost_at(costmap, 3.0, y) for y in np.arange(0.0, 1.0, 0.05)]
    assert profile[0] == 100
    assert profile[4] == 99, "inside the inscribed radius of 0.215 m"
    assert 1 <= profile[6] <= 98
    assert all(a >= b for a, b in itertools.pairwise(profile))
    assert profile[-1] == 0, "outside the inflation radius"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.3), st.floats(0.0, 1.0))
def test_a_cost_is_the_highest_that_any_occupied_cell_gives(seed, occupied, unknown):
    generator = np.random.default_rng(seed)
    evidence = np.where(generator.random((30, 45)) < unknown, grid.UNKNOWN, 0).astype(np.int8)
    evidence[generator.random(evidence.shape) < occupied] = 3
    evidence[5:15, 20:24] = grid.EVIDENCE_MAX
    kernel = grid.inflation_kernel(0.05, 0.2, 0.4)
    cost = np.empty_like(evidence)
    grid.inflate(evidence, kernel, cost)
    reach = kernel.shape[0] // 2
    expected = np.full(np.add(evidence.shape, 2 * reach), -1, np.int8)
    inner = expected[reach:-reach, reach:-reach]
    inner[evidence != grid.UNKNOWN] = 0
    for row, col in np.argwhere(evidence > 0):
        around = expected[row : row + 2 * reach + 1, col : col + 2 * reach + 1]
        np.maximum(around, kernel, out=around)
    inner[evidence > 0] = 100
    np.testing.assert_array_equal(cost, inner)


@pytest.mark.parametrize("bad", [math.nan, -math.inf, -1.0, 0.0, 0.05, 31.0])
def test_an_invalid_return_neither_marks_nor_clears(bad):
    core = LocalCostmap(CONFIG)
    costmap = core.step(scan_of(np.full(BEAMS, bad)), still())
    assert not (costmap.data == 100).any()
    assert cost_at(costmap, 2.0, 0.0) == -1


def test_no_return_clears_the_beam():
    costmap = LocalCostmap(CONFIG).step(scan_of(np.full(BEAMS, np.inf)), still())
    assert cost_at(costmap, 4.0, 0.0) == 0


@pytest.mark.parametrize("count", [0, 1, 7, 360])
def test_a_shortened_scan_is_taken_for_what_it_holds(count):
    costmap = LocalCostmap(CONFIG).step(scan_of(wall_ranges(3.0)[:count]), still())
    assert costmap.data.shape == (240, 240)


def test_the_window_follows_the_robot_by_whole_cells_and_remembers_what_stays_inside():
    core = LocalCostmap(CONFIG)
    first = core.step(scan_of(wall_ranges(4.0)), still())
    costmap = core.step(scan_of([], 1), still(1, x=2.0))
    shift = (costmap.origin_x - first.origin_x) / costmap.resolution
    assert shift == pytest.approx(round(shift))
    assert round(shift) == 40
    assert cost_at(costmap, 4.0, 0.0) == 100
    assert costmap.origin_x + 6.0 == pytest.approx(2.0, abs=costmap.resolution)


def test_what_leaves_the_window_is_forgotten():
    core = LocalCostmap(CONFIG)
    core.step(scan_of(wall_ranges(4.0)), still())
    core.step(scan_of([], 1), still(1, x=-20.0))
    costmap = core.step(scan_of([], 2), still(2, x=0.0))
    assert not (costmap.data == 100).any()


@pytest.mark.parametrize("rate", [4.0, -4.0])
def test_a_wall_seen_while_spinning_stays_where_it_is(rate):
    """The scan is 40 ms older than the newest odometry: 0.16 rad, 0.5 m at 3 m, uncorrected."""
    core = LocalCostmap(CONFIG)
    lag = 40 * MILLISECOND
    for i in range(40):
        stamp = i * 20 * MILLISECOND
        core.observe(still(stamp, yaw=math.remainder(rate * stamp * 1e-9, math.tau), wz=rate))
        taken = stamp - lag
        if taken >= 0:
            newest = still(stamp, yaw=math.remainder(rate * stamp * 1e-9, math.tau), wz=rate)
            costmap = core.step(scan_of(wall_ranges(3.02, rate * taken * 1e-9), taken), newest)
    walls = occupied_points(costmap)
    assert len(walls) > 100
    near = walls[np.abs(walls[:, 1]) < 3.0]
    assert np.abs(near[:, 0] - 3.02).max() <= 2 * CONFIG.resolution


def test_a_scan_older_than_the_history_is_left_out():
    core = LocalCostmap(CONFIG)
    core.observe(still(0))
    for i in range(1, 40):
        core.observe(still(i * 100 * MILLISECOND))
    before = core.costmap(0).data.copy()
    assert not core.integrate(scan_of(wall_ranges(2.0), 0))
    assert np.array_equal(core.costmap(0).data, before)


def test_a_clock_that_is_set_back_starts_a_new_history():
    core = LocalCostmap(CONFIG)
    core.step(scan_of(wall_ranges(4.0), 10**12), still(10**12))
    costmap = core.step(scan_of(wall_ranges(2.0), 0), still(0))
    assert cost_at(costmap, 2.0, 0.0) == 100


def test_non_finite_odometry_is_not_used():
    core = LocalCostmap(CONFIG)
    core.step(scan_of(wall_ranges(3.0)), still())
    costmap = core.step(scan_of(wall_ranges(3.0), 1), still(1, x=math.nan))
    assert np.isfinite(costmap.origin_x)
    assert cost_at(costmap, 3.0, 0.0) == 100


def test_the_robot_stands_on_free_ground():
    core = LocalCostmap(CONFIG)
    costmap = core.step(scan_of([]), still(yaw=0.7))
    assert cost_at(costmap, 0.0, 0.0) == 0
    assert cost_at(costmap, 0.2 * math.cos(0.7), 0.2 * math.sin(0.7)) == 0
    assert cost_at(costmap, 0.4 * math.cos(0.7), 0.4 * math.sin(0.7)) == -1


def test_the_lidar_pose_places_the_returns():
    config = PerceptionConfig(window_size=12.0, lidar_pose=(0.5, 0.0, math.pi / 2))
    ranges = np.full(BEAMS, np.nan)
    ranges[BEAMS // 2] = 2.02
    costmap = LocalCostmap(config).step(scan_of(ranges), still())
    assert cost_at(costmap, 0.5, 2.02) == 100


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 64),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    ),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(-10, 10),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_any_scan_gives_a_valid_costmap(ranges, x, y, yaw, increment):
    core = LocalCostmap(PerceptionConfig(window_size=4.0))
    scan = LaserScan(0, ranges, ANGLE_MIN, increment, 0.1, 30.0)
    data = core.step(scan, still(x=x, y=y, yaw=yaw)).data
    assert data.dtype == np.int8
    assert data.min() >= -1
    assert data.max() <= 100


def test_the_same_inputs_give_the_same_bytes():
    def play() -> bytes:
        generator = np.random.default_rng(3)
        core = LocalCostmap(CONFIG)
        for i in range(20):
            noisy = wall_ranges(3.0) + generator.normal(0, 0.001, BEAMS)
            costmap = core.step(scan_of(noisy, i), still(i, x=0.01 * i))
        return costmap.data.tobytes()

    assert play() == play()


def test_a_grid_that_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="at least 10 cells"):
        PerceptionConfig(window_size=0.2)
    with pytest.raises(ValueError, match="3 corners"):
        PerceptionConfig(footprint=(0.1, 0.1, 0.2))


def test_inscribed_radius_of_the_rover():
    polygon = np.array(PerceptionConfig().footprint).reshape(-1, 2)
    assert inscribed_radius(polygon) == pytest.approx(0.215)
