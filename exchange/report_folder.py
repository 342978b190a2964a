"""A folder that reports are put into: whole under their names, or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind


def put(content: bytes, name: str, folder: Path) -> None:
    """Write a file of that name durably, in the place of one that is there. The same report has the
    same name, so it is there once however often it is written. DeliveryError
    `delivery_folder_unusable`."""
    begun = folder / f".{name}.{os.getpid()}.part"
    try:
        try:
            with begun.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            begun.replace(folder / name)
        finally:
            with suppress(FileNotFoundError):
                begun.unlink()
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        raise DeliveryError("delivery_folder_unusable", FailureKind.AWAY) from None
