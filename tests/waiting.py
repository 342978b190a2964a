"""Studies that wait for a draft, each with a small made-up film, and servers to draft them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from radraft.core.settings import Settings
from radraft.store import cases, images, site_secret
from radraft.store.database import Store
from tests.builders import add_case, make_images


def add_waiting(store: Store, numbers: Iterable[int]) -> tuple[str, ...]:
    """Take these studies in, so that they wait."""
    found = []
    for number in numbers:
        with store.begin() as session:
            case_id = add_case(session, number)
            film = make_images(case_id, seed=number)
            images.save(store.objects, film)
            cases.add_key_images(session, film)
        found.append(case_id)
    return tuple(found)


def machine(settings: Settings, root: Path, name: str) -> Path:
    """Make the data folder of another machine of the site, with the secret that its administrator
    copied there."""
    folder = root / name
    folder.mkdir(mode=0o700)
    secret = site_secret.read(settings.data_dir)
    assert secret is not None
    (folder / site_secret.NAME).write_bytes(secret)
    return folder
