from __future__ import annotations

import sys
from pathlib import Path

# Shared SDF snippets are a plain module beside the tests (import-mode is importlib).
sys.path.insert(0, str(Path(__file__).parent))
