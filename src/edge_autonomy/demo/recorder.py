"""Writes messages as they came off the wire to an MCAP file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mcap.writer import Writer

from edge_autonomy.demo.message_definitions import message_definition

CHUNK_BYTES = 256 * 1024


class Recorder:
    """An MCAP recording that rosbag2 and Foxglove read.

    A disk that fills up, or any other failure to write, ends the recording but not its caller:
    `error` then says what happened, and further messages are dropped.
    """

    def __init__(self, file: Path) -> None:
        """Start a recording.

        Raises:
            OSError: the file cannot be opened.
        """
        self._file = file
        self._stream: BinaryIO = file.open("wb")
        self._writer = Writer(self._stream, chunk_size=CHUNK_BYTES)
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._last_kept_ns: dict[str, int] = {}
        self._closed = False
        self.messages = 0
        self.error: str | None = None
        try:
            self._writer.start(profile="ros2", library="edge_autonomy")
        except OSError as failure:
            self._fail(failure)

    def write(
        self,
        topic: str,
        type_name: str,
        data: bytes,
        received_ns: int,
        published_ns: int | None = None,
        *,
        definition: str | None = None,
        period_ns: int = 0,
    ) -> None:
        """Append one message.

        Args:
            topic: with its leading slash.
            type_name: `package/msg/Type`.
            data: CDR with its four-byte header, as a raw subscription gives it.
            received_ns: system time.
            published_ns: system time; `received_ns` if None.
            definition: of a type whose package is not installed.
            period_ns: messages of the topic that come sooner than this after the one kept before
                are dropped.

        Raises:
            DefinitionError: the type's definition is not installed.
        """
        if self.error is not None or self._closed:
            return
        last_ns = self._last_kept_ns.get(topic)
        if last_ns is not None and received_ns - last_ns < period_ns:
            return
        try:
            channel = self._channel(topic, type_name, definition)
            self._writer.add_message(
                channel_id=channel,
                log_time=received_ns,
                publish_time=received_ns if published_ns is None else published_ns,
                data=data,
                sequence=self.messages,
            )
        except OSError as failure:
            self._fail(failure)
            return
        self._last_kept_ns[topic] = received_ns
        self.messages += 1

    def close(self) -> None:
        """Finish the file; afterwards messages are dropped."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.error is None:
                self._writer.finish()
            self._stream.close()
        except OSError as failure:
            self._fail(failure)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _channel(self, topic: str, type_name: str, definition: str | None) -> int:
        if topic not in self._channels:
            if type_name not in self._schemas:
                text = definition if definition is not None else message_definition(type_name)
                self._schemas[type_name] = self._writer.register_schema(
                    type_name, "ros2msg", text.encode()
                )
            self._channels[topic] = self._writer.register_channel(
                topic=topic,
                message_encoding="cdr",
                schema_id=self._schemas[type_name],
                metadata={"offered_qos_profiles": ""},
            )
        return self._channels[topic]

    def _fail(self, failure: OSError) -> None:
        if self.error is None:
            self.error = (
                f"{self._file}: {failure.strerror or failure} after {self.messages} messages; "
                "what was written before can be read with 'mcap recover'"
            )
