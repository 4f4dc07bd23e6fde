"""A node's kernels run without what is spared; in a process of its own, which stays without it."""

import subprocess
import sys

CODE = """
import sys
from autonomy_interfaces.spare import UNUSED, spare_memory
spare_memory()
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
LocalCostmap(PerceptionConfig(window_size=4.0)).costmap(0)
print(sorted(name for name in UNUSED if sys.modules.get(name) is not None), "scipy" in sys.modules)
"""


def test_kernels_run_without_what_is_spared():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["[]", "True"]
