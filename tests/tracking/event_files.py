"""A reader of TensorBoard's event files: records with checksums, as TensorFlow writes them."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event, SessionLog


def masked(data: bytes) -> int:
    """Return the checksum of some bytes, rotated and shifted as the format has it."""
    checksum = crc32c(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events_of(file: Path) -> Iterator[Event]:
    """Yield the events of a file, whose checksums must be right."""
    data, position = file.read_bytes(), 0
    while position < len(data):
        head = data[position : position + 8]
        (length,) = struct.unpack("<Q", head)
        assert struct.unpack("<I", data[position + 8 : position + 12]) == (masked(head),)
        content = data[position + 12 : position + 12 + length]
        position += 16 + length
        assert struct.unpack("<I", data[position - 4 : position]) == (masked(content),)
        yield Event.FromString(content)


def logged_in(folder: Path) -> dict[str, dict[int, Any]]:
    """Return what a folder of event files holds for a viewer: values by step, by name.

    The start of a session takes back what was logged from its step on. No step has two values.
    """
    values: dict[str, dict[int, Any]] = {}
    files = sorted(folder.glob("events.*"), key=lambda file: int(file.suffix[1:]))
    for event in (event for file in files for event in events_of(file)):
        if event.session_log.status == SessionLog.START and event.step:
            for steps in values.values():
                for step in [step for step in steps if step >= event.step]:
                    del steps[step]
        for value in event.summary.value:
            steps = values.setdefault(value.tag, {})
            assert event.step not in steps, f"{value.tag} has step {event.step} twice"
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                steps[event.step] = value.simple_value
            elif value.tensor.string_val:
                steps[event.step] = value.tensor.string_val[0].decode()
            else:
                steps[event.step] = value.metadata.plugin_data.content
    return values
