"""Where the package's data files (config, launch, worlds, models) are, however it is installed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

PACKAGE = "edge_autonomy"


@cache
def share_directory() -> Path:
    """Directory that holds config/, launch/, gazebo_worlds/ and models/.

    A source tree (editable install) comes first, then the prefix that this module is installed
    under (colcon), then the interpreter's prefix (pip).

    Raises:
        FileNotFoundError: the data files are in none of them.
    """
    here = Path(__file__).resolve()
    source_tree = here.parents[2]
    candidates = [
        *(prefix / "share" / PACKAGE for prefix in here.parents),
        Path(sys.prefix) / "share" / PACKAGE,
    ]
    if (source_tree / "package.xml").is_file() and (source_tree / "gazebo_worlds").is_dir():
        return source_tree
    for candidate in candidates:
        if (candidate / "package.xml").is_file():
            return candidate
    searched = ", ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(
        f"data files of {PACKAGE} not found (searched {source_tree}, {searched}); "
        "reinstall the package with 'pip install .' or 'colcon build'"
    )
