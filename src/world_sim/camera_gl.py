"""An off-screen OpenGL context: a GPU's or Mesa's, through EGL, or OSMesa's."""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from typing import Any

BACKENDS = ("mujoco.egl", "mujoco.osmesa")
REMEDY = "install libegl1 and libgl1-mesa-dri (Debian, Ubuntu)"
SWITCHED_OFF = ("off", "disable", "disabled", "0", "false")


class NoOpenGL(RuntimeError):
    """There is no OpenGL to render with; says why, and what to install."""


def open_context(width: int, height: int) -> Any:
    """A context of MuJoCo, current in this thread.

    MUJOCO_GL chooses the backend (`egl`, `osmesa`) or switches rendering off (`off`).

    Raises:
        NoOpenGL: none can be opened.
    """
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in SWITCHED_OFF:
        raise NoOpenGL(f"switched off by MUJOCO_GL={wanted}")
    reasons = []
    for backend in BACKENDS:
        if wanted in ("egl", "osmesa") and not backend.endswith(wanted):
            continue
        try:
            context = importlib.import_module(backend).GLContext(width, height)
            context.make_current()
        except Exception as error:  # of many kinds: ImportError, AttributeError, GLError
            reasons.append(f"{backend}: {(str(error).splitlines() or [repr(error)])[0][:120]}")
        else:
            return context
    raise NoOpenGL(f"no OpenGL ({'; '.join(reasons)}): {REMEDY}")


@lru_cache(maxsize=1)
def _problem(wanted: str) -> str:
    try:
        open_context(16, 16).free()
    except NoOpenGL as error:
        return str(error)
    return ""


def opengl_problem() -> str:
    """Why nothing can be rendered in this process, or ""; tried once."""
    return _problem(os.environ.get("MUJOCO_GL", ""))
