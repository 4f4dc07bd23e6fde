"""An off-screen OpenGL context: a GPU's or Mesa's, through EGL, or OSMesa's."""

from __future__ import annotations

import importlib
import os
import threading
import weakref
from collections import deque
from functools import lru_cache
from typing import Any, ClassVar

import mujoco

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


class Canvas:
    """What one renderer draws with: an OpenGL context, and MuJoCo's objects in it.

    MuJoCo's objects are numbers that mean something in their own OpenGL context alone: freed
    while another is current, as by the garbage collector, they take the other's buffers of the
    same numbers with them. So what is no longer used is put aside, and freed in its own context
    by the next `begin` in the same thread.

    Args:
        scene: what is drawn, with the size of its off-screen buffer.

    Raises:
        NoOpenGL: nothing can be rendered.
    """

    _discarded: ClassVar[deque[tuple[int, Any, mujoco.MjrContext]]] = deque()

    def __init__(self, scene: mujoco.MjModel) -> None:
        self._free_discarded()
        size = scene.vis.global_
        self._gl = open_context(size.offwidth, size.offheight)
        self.context = mujoco.MjrContext(scene, mujoco.mjtFontScale.mjFONTSCALE_50)
        self.context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        owned = (threading.get_ident(), self._gl, self.context)
        weakref.finalize(self, self._discarded.append, owned).atexit = False

    def begin(self) -> mujoco.MjrContext:
        """MuJoCo's objects, ready to draw with in the thread that made the canvas."""
        self._free_discarded()
        self._gl.make_current()
        return self.context

    @classmethod
    def _free_discarded(cls) -> None:
        here = threading.get_ident()
        for _ in range(len(cls._discarded)):
            thread, gl, context = cls._discarded.popleft()
            if thread != here:
                cls._discarded.append((thread, gl, context))
                continue
            gl.make_current()
            context.free()
            gl.free()


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
