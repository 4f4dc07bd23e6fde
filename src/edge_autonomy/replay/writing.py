"""A recording with its outputs replaced by what the cores compute now.

Such a recording is golden: replayed by the same software it agrees exactly, and any difference
is a change of the software.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rclpy.serialization import serialize_message

from edge_autonomy.demo.recorder import Recorder
from edge_autonomy.replay.reading import Heard, RecordingError


class Rewriter:
    """Collects outputs that were computed anew and writes them in place of those recorded."""

    def __init__(self, messages: list[Heard]) -> None:
        self._messages = messages
        self._anew: dict[tuple[str, int], Any] = {}
        self._costmaps: list[Any] = []

    def replace(self, topic: str, published_ns: int, message: Any) -> None:
        """Take an output; it replaces the one of the same topic and time, or stamp."""
        if topic == "/perception/costmap":
            self._costmaps.append(message)
        else:
            self._anew[topic, published_ns] = message

    def write(self, file: Path) -> None:
        """Write the recording.

        Raises:
            RecordingError: it cannot be written.
        """
        costmaps = {_stamp(message): message for message in self._costmaps}
        try:
            recorder = Recorder(file)
        except OSError as error:
            raise RecordingError(f"{file}: {error.strerror}; give another place") from error
        with recorder:
            for heard in self._messages:
                message = self._anew.get((heard.topic, heard.published_ns), heard.message)
                if heard.topic == "/perception/costmap":
                    message = costmaps.get(_stamp(heard.message), heard.message)
                self._put(recorder, replace(heard, message=message))
        if recorder.error is not None:
            raise RecordingError(recorder.error)

    def _put(self, recorder: Recorder, heard: Heard) -> None:
        kind = type(heard.message)
        name = f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"
        data = bytes(serialize_message(heard.message))
        recorder.write(heard.topic, name, data, heard.published_ns)


def _stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec
