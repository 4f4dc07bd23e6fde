"""The page and its stream of frames, over HTTP on this machine alone."""

from __future__ import annotations

import errno
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from world_sim.watch.scene import Frame, Scene

HOST = "127.0.0.1"
DEFAULT_PORT = 8137
MAX_COMMAND_BYTES = 1000
HEARTBEAT_S = 1.0

Drive = Callable[[str, float, float], None]
"""Drives a robot: name, vx m/s, wz rad/s."""


class WatchError(ValueError):
    """The page cannot be shown; the message says why and what to do."""


class LiveServer:
    """Serves one scene and the newest frame of it, until it is closed.

    Listens on the loopback interface. To watch from another machine, forward the port
    (`ssh -L 8137:localhost:8137 robot`).

    Args:
        scene: what does not change.
        port: to listen on; 0 takes any that is free.
        drive: called when the page drives a robot; None where it may not.

    Raises:
        WatchError: the port is taken or not allowed.
    """

    def __init__(self, scene: Scene, port: int = DEFAULT_PORT, drive: Drive | None = None) -> None:
        self.scene = json.dumps(asdict(scene)).encode()
        self.drive = drive
        self._frame = b""
        self._number = 0
        self._changed = threading.Condition()
        self._closed = False
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise WatchError(f"port {port} is in use; give another one with --port") from error
            raise WatchError(f"cannot listen on port {port}: {error.strerror}") from error
        except OverflowError as error:
            raise WatchError(f"port {port} is none; give 0 to 65535") from error
        self._server.live = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://localhost:{self.port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that this server answers to; another one would be a web page's trick."""
        return (f"localhost:{self.port}", f"{HOST}:{self.port}")

    def publish(self, frame: Frame) -> None:
        """Show `frame`; who is slow skips to the newest."""
        encoded = json.dumps(asdict(frame), allow_nan=False).encode()
        with self._changed:
            self._frame, self._number = encoded, self._number + 1
            self._changed.notify_all()

    def newer(self, number: int) -> tuple[int, bytes] | None:
        """Wait a while for a frame after `number`: (its number, frame), or None if none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._number > number, HEARTBEAT_S)
            return (self._number, self._frame) if self._number > number else None

    @property
    def closed(self) -> bool:
        """Whether the server has been closed."""
        return self._closed

    def close(self) -> None:
        """Stop serving."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    live: LiveServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was closed in the middle of an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request of the page."""

    server: _Server

    def do_GET(self) -> None:
        """The page, the scene, or the stream of frames."""
        if not self._is_for_us():
            return
        live = self.server.live
        if self.path == "/":
            page = files("world_sim.watch").joinpath("page.html").read_bytes()
            self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8")
        elif self.path == "/scene":
            self._answer(HTTPStatus.OK, live.scene, "application/json")
        elif self.path == "/frames":
            self._stream(live)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"not found\n", "text/plain")

    def do_POST(self) -> None:
        """A command of the page: {robot, vx, wz}."""
        if not self._is_for_us():
            return
        live = self.server.live
        # A form of a foreign page cannot send this type without asking first.
        from_page = self.headers.get("Content-Type") == "application/json"
        if self.path != "/command" or live.drive is None or not from_page:
            self._answer(HTTPStatus.FORBIDDEN, b"this run cannot be driven\n", "text/plain")
            return
        try:
            length = min(int(self.headers.get("Content-Length", 0)), MAX_COMMAND_BYTES)
            command = json.loads(self.rfile.read(length))
            live.drive(str(command["robot"]), float(command["vx"]), float(command["wz"]))
        except (ValueError, KeyError, TypeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, f"not a command: {error}\n".encode(), "text/plain")
            return
        self._answer(HTTPStatus.NO_CONTENT, b"", "text/plain")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base names it so)
        """Keep quiet: the terminal belongs to the run."""

    def _is_for_us(self) -> bool:
        if self.headers.get("Host") in self.server.live.hosts:
            return True
        self._answer(HTTPStatus.FORBIDDEN, b"ask for localhost\n", "text/plain")
        return False

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy", "default-src 'self' 'unsafe-inline'; img-src data:"
        )
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, live: LiveServer) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        number = 0
        while not live.closed:
            newer = live.newer(number)
            if newer is None:
                self.wfile.write(b": still here\n\n")
            else:
                number, frame = newer
                self.wfile.write(b"data: " + frame + b"\n\n")
            self.wfile.flush()
