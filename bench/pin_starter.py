"""Write the SHA-256 of the shipped weights into the starter's profile.

    .venv/bin/python bench/pin_starter.py            # prints them, and whether the profile agrees
    .venv/bin/python bench/pin_starter.py --write

Only the lines of the profile's `weights` change.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from radraft.llm import pins

PROFILE = Path(__file__).resolve().parents[1] / "llm" / "profiles" / "starter.yaml"


def main() -> None:
    """Print, compare, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put them into the profile")
    arguments = parser.parse_args()
    shas = {name: pins.sha256(path) for name, path in pins.files().items()}
    size = sum(path.stat().st_size for path in pins.files().values())
    for name, sha in shas.items():
        print(f"{name}: {sha}")
    print(f"{size / 1e6:.1f} MB in all")
    old = PROFILE.read_text(encoding="utf-8")
    new = pinned(old, shas)
    if arguments.write:
        PROFILE.write_text(new, encoding="utf-8")
    print("the profile agrees" if arguments.write or new == old else "the profile differs")


def pinned(profile: str, shas: dict[str, str]) -> str:
    """`profile` with each file's hash in its `weights`. SystemExit where it has no such lines."""
    for name, sha in shas.items():
        line = re.compile(rf"^(  {name}: )[0-9a-f]{{64}}$", re.MULTILINE)
        profile, changed = line.subn(rf"\g<1>{sha}", profile)
        if changed != 1:
            raise SystemExit(f"{PROFILE.name} must have one line for {name} in its weights")
    return profile


if __name__ == "__main__":
    main()
