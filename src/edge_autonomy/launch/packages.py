"""Where a ROS package's share directory and executables are, with and without a ROS machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from autonomy_interfaces.share import PACKAGE, share_directory

INDEX = Path("share/ament_index/resource_index/packages")


def package_share(package: str, environment: Mapping[str, str]) -> Path:
    """The share directory of a package.

    Raises:
        LookupError: it is not installed; the message says where it was looked for.
    """
    if package == PACKAGE:
        return share_directory()
    return _prefix(package, environment) / "share" / package


def package_executable(package: str, executable: str, environment: Mapping[str, str]) -> Path:
    """The path of an executable of a package.

    ROS installs executables in `lib/<package>` of a prefix; pip puts those of this package
    beside the Python interpreter.

    Raises:
        LookupError: the package or the executable is absent; the message lists what is there.
    """
    if package == PACKAGE:
        prefixes = [*Path(__file__).resolve().parents, *_ament_prefixes(environment)]
        folders = [prefix / "lib" / package for prefix in prefixes]
        folders.insert(0, Path(sys.executable).parent)
    else:
        folders = [_prefix(package, environment) / "lib" / package]
    for folder in folders:
        candidate = folder / executable
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    searched = ", ".join(str(folder) for folder in folders if folder.is_dir())
    raise LookupError(
        f"package '{package}' has no executable '{executable}' (searched {searched}); "
        "check the name, and install the package again if it is new"
    )


def _ament_prefixes(environment: Mapping[str, str]) -> list[Path]:
    paths = environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [Path(path) for path in paths if path]


def _prefix(package: str, environment: Mapping[str, str]) -> Path:
    prefixes = [*_ament_prefixes(environment), Path(sys.prefix)]
    for prefix in prefixes:
        if (prefix / INDEX / package).exists():
            return prefix
    searched = ", ".join(str(prefix) for prefix in prefixes)
    remedy = (
        f"install it (apt install ros-{environment['ROS_DISTRO']}-{package.replace('_', '-')})"
        if "ROS_DISTRO" in environment
        else "it needs a ROS 2 installation: source /opt/ros/jazzy/setup.bash"
    )
    raise LookupError(f"package '{package}' not found (searched {searched}); {remedy}")
