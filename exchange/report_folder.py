"""A folder that reports are put into: whole under their names, or not there."""

from __future__ import annotations

import glob
import os
import secrets
from pathlib import Path

from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind

BEGUN = ".radraft"
"""Where files lie until they are whole: in the same folder, so that they can be renamed."""


def put(content: bytes, name: str, folder: Path) -> None:
    """Write a file of that name durably, in the place of one that is there. The same report has the
    same name, so it is there once however often it is written. DeliveryError
    `delivery_folder_unusable`."""
    begun = folder / BEGUN / f"{name}.{secrets.token_hex(4)}"
    try:
        begun.parent.mkdir(exist_ok=True)
        # What a kill left of the same report; whoever writes it now besides us tries again.
        for left in begun.parent.glob(f"{glob.escape(name)}.*"):
            left.unlink(missing_ok=True)
        try:
            with begun.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            begun.replace(folder / name)
        finally:
            begun.unlink(missing_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        raise DeliveryError("delivery_folder_unusable", FailureKind.AWAY) from None
