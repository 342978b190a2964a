"""Write the SHA-256 of the shipped weights into the profile of the starter's edition.

    .venv/bin/python bench/pin_starter.py            # prints them, and whether the profile agrees
    .venv/bin/python bench/pin_starter.py --edition 2 --write

Only the lines of the profile's `weights` change.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from radraft.llm import pins
from radraft.llm.starter_model import PROFILES
from radraft.vision_encoder.shipped import EDITIONS

FOLDER = Path(__file__).resolve().parents[1] / "llm" / "profiles"


def main() -> None:
    """Print, compare, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put them into the profile")
    parser.add_argument("--edition", type=int, choices=EDITIONS, default=EDITIONS[0])
    arguments = parser.parse_args()
    profile = FOLDER / f"{PROFILES[arguments.edition]}.yaml"
    files = pins.files(arguments.edition)
    shas = {name: pins.sha256(path) for name, path in files.items()}
    size = sum(path.stat().st_size for path in files.values())
    for name, sha in shas.items():
        print(f"{name}: {sha}")
    print(f"{size / 1e6:.1f} MB in all")
    old = profile.read_text(encoding="utf-8")
    new = pinned(old, shas)
    if arguments.write:
        profile.write_text(new, encoding="utf-8")
    print("the profile agrees" if arguments.write or new == old else "the profile differs")


def pinned(profile: str, shas: dict[str, str]) -> str:
    """`profile` with each file's hash in its `weights`. SystemExit where it has no such lines."""
    for name, sha in shas.items():
        line = re.compile(rf"^(  {name}: )[0-9a-f]{{64}}$", re.MULTILINE)
        profile, changed = line.subn(rf"\g<1>{sha}", profile)
        if changed != 1:
            raise SystemExit(f"the profile must have one line for {name} in its weights")
    return profile


if __name__ == "__main__":
    main()
