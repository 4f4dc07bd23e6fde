"""What all tests share: a ROS domain of their own, room for those that measure, the stack."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.doctor.software import has_ros_launch

# The same examples on every run: a search for new ones is a decision (HYPOTHESIS_PROFILE=search),
# not something that a change of anything else meets by chance.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_HAS_LAUNCH_PYTEST = has_ros_launch() and importlib.util.find_spec("launch_pytest") is not None

# The tests in test/launch/ are written for launch_pytest, which only a ROS machine has.
collect_ignore = [] if _HAS_LAUNCH_PYTEST else ["launch"]


def pytest_report_header() -> str:
    """Say by what launch files are run, and what is therefore not collected."""
    if _HAS_LAUNCH_PYTEST:
        return "launch files: ROS 2 launch; test/launch/ by launch_pytest"
    return "launch files: own interpreter; test/launch/ not collected (it needs launch_pytest)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that talk over DDS last, on one worker, one after the other."""
    for item in items:
        if item.get_closest_marker("dds"):
            item.add_marker(pytest.mark.xdist_group("dds"))
    items.sort(key=lambda item: item.get_closest_marker("dds") is not None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that talks over DDS run alone: beside a busy worker its timing means nothing."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return (yield)
    lock = Path(tempfile.gettempdir()) / f"edge_autonomy_tests_{run}.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX if item.get_closest_marker("dds") else fcntl.LOCK_SH)
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured (`record_property`)."""
    lines = [
        f"{report.nodeid.split('::')[-1]}: {name} = {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
    ]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def ros_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A ROS domain and a home for logs for this worker alone; yields the domain."""
    domain = RosDomain({})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(domain.id))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_HOME", str(tmp_path_factory.mktemp("ros_home")))
        patch.delenv("ROS_LOG_DIR", raising=False)
        yield domain.id
    domain.release()


@pytest.fixture
def stack() -> Iterator[Callable[..., object]]:
    """Starts the stack in simulation with given launch arguments; it ends with the test."""
    from stack import Stack

    running: list[Stack] = []
    domains: list[RosDomain] = []

    def start_stack(**arguments: str) -> Stack:
        domains.append(RosDomain({}))
        running.append(Stack(domains[-1].id, arguments))
        return running[-1]

    yield start_stack
    for one in running:
        one.stop()
    for domain in domains:
        domain.release()
