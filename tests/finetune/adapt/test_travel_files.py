"""Parcels that are damaged or no parcels at all are refused."""

from __future__ import annotations

import random
import struct
import zipfile
from pathlib import Path

import pytest

from radraft.finetune.adapt import archive
from radraft.store import adapter_files

from .sites import Site

pytestmark = pytest.mark.slow


def test_any_flipped_byte_is_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    whole = parcel.read_bytes()
    dice = random.Random(1)
    # Every structure of a zip lies in its first and last bytes and before each member.
    with zipfile.ZipFile(parcel) as opened:
        heads = [info.header_offset + n for info in opened.infolist() for n in range(0, 60, 7)]
    ends = [len(whole) - 1 - n for n in range(0, 400, 9)]
    for place in (*heads, *ends, *(dice.randrange(len(whole)) for _ in range(60))):
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        bad = tmp_path / "bad.radapter"
        bad.write_bytes(changed)
        error = away.refuses(bad, *IMPORT_CODES)
        assert error.code != "adapter_import_base"


IMPORT_CODES = (
    "adapter_import_unreadable",
    "adapter_import_too_large",
    "adapter_import_members",
)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(parcel: Path, away: Site, tmp_path: Path, share: float) -> None:
    whole = parcel.read_bytes()
    bad = tmp_path / "bad.radapter"
    bad.write_bytes(whole[: int(len(whole) * share)])
    away.refuses(bad, "adapter_import_unreadable")


def test_a_missing_file_is_refused(away: Site, tmp_path: Path) -> None:
    away.refuses(tmp_path / "none.radapter", "adapter_import_unreadable")
    away.refuses(tmp_path, "adapter_import_unreadable")


def test_bytes_beside_the_members_are_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    for content in (b"#!/bin/sh\n" + parcel.read_bytes(), parcel.read_bytes() + b"more"):
        bad.write_bytes(content)
        away.refuses(bad, "adapter_import_unreadable")


def member_names() -> list[list[str]]:
    order = [name for name in archive.ORDER if name != adapter_files.PROJECTOR]
    return [
        [*order, "extra.txt"],
        [*order, "../adapter_config.json"],
        [*order, "/etc/passwd"],
        [*order, adapter_files.CONFIG],
        order[:-1],
        list(reversed(order)),
        [*order[:-1], "sub/" + adapter_files.WEIGHTS],
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", member_names())
def test_other_members_are_refused(
    parcel: Path, away: Site, tmp_path: Path, names: list[str]
) -> None:
    bad = tmp_path / "bad.radapter"
    with zipfile.ZipFile(parcel) as known, zipfile.ZipFile(bad, "w") as made:
        for name in names:
            plain = name.rpartition("/")[2]
            content = known.read(plain) if plain in known.namelist() else b"x"
            made.writestr(zipfile.ZipInfo(name), content)
    away.refuses(bad, "adapter_import_members")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["away", "bad.radapter"]


def test_a_compressed_member_is_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    with zipfile.ZipFile(parcel) as known, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as made:
        for name in known.namelist():
            made.writestr(name, known.read(name))
    away.refuses(bad, "adapter_import_members", "adapter_import_too_large")


def test_huge_declared_sizes_are_refused(parcel: Path, away: Site, tmp_path: Path) -> None:
    content = bytearray(parcel.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    # Both sizes in the last entry of the central directory.
    struct.pack_into("<II", content, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    bad = tmp_path / "bad.radapter"
    bad.write_bytes(content)
    away.refuses(bad, "adapter_import_too_large")


def test_a_file_of_endless_length_is_not_read(away: Site, tmp_path: Path) -> None:
    bad = tmp_path / "bad.radapter"
    with bad.open("wb") as stream:
        stream.truncate(sum(archive.LARGEST.values()) + archive.OVERHEAD + 1)
    away.refuses(bad, "adapter_import_too_large")
