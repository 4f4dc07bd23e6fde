"""Messages of an MCAP recording, in the order in which they were published."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel, Message, Schema
from rclpy.serialization import deserialize_message


class RecordingError(ValueError):
    """A recording that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Heard:
    """A message: its topic, the system time of its publication, and the ROS message."""

    topic: str
    published_ns: int
    message: Any


@dataclass(frozen=True)
class Raw:
    """A message as it stands in the file."""

    schema: Schema
    channel: Channel
    message: Message

    @property
    def topic(self) -> str:
        """The topic's name."""
        return str(self.channel.topic)

    def decode(self) -> Heard:
        """The ROS message in it."""
        package, _, name = str(self.schema.name).partition("/msg/")
        kind = getattr(importlib.import_module(f"{package}.msg"), name)
        return Heard(
            self.topic,
            self.message.publish_time,
            deserialize_message(bytes(self.message.data), kind),
        )


def read_raw(file: Path, topics: Collection[str] | None = None) -> list[Raw]:
    """Messages of some topics, or of all, by time of publication.

    Raises:
        RecordingError: the file is missing, or no MCAP recording that was finished.
    """
    try:
        with file.open("rb") as stream:
            found = [
                Raw(schema, channel, message)
                for schema, channel, message in make_reader(stream).iter_messages(topics)
                if schema is not None
            ]
    except OSError as error:
        raise RecordingError(f"{file}: {error.strerror}; give an MCAP recording") from error
    except McapError as error:
        raise RecordingError(
            f"{file}: not a whole MCAP recording ({error or type(error).__name__}); "
            "one that was cut off can be mended by 'mcap recover'"
        ) from error
    return sorted(found, key=lambda raw: raw.message.publish_time)


def read_recording(file: Path, topics: Collection[str]) -> Iterator[Heard]:
    """Decoded messages of `topics`, by time of publication.

    Raises:
        RecordingError: see `read_raw`, or a message is damaged.
    """
    for raw in read_raw(file, topics):
        yield _decoded(file, raw)


def _decoded(file: Path, raw: Raw) -> Heard:
    try:
        return raw.decode()
    except (ImportError, AttributeError) as error:
        raise RecordingError(f"{file}: {raw.topic}: unknown type {raw.schema.name}") from error
    except Exception as error:
        raise RecordingError(
            f"{file}: {raw.topic}: a message of {raw.schema.name} is damaged ({error})"
        ) from error
