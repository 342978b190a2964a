"""The bundles that are committed are what their sources give, their parts' licences listed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "ui"
WEB, BUNDLES = UI / "web", UI / "bundles"
NODE = shutil.which("node")
LARGEST = 6_000_000
"""Bytes of all bundles together."""
FREE = {
    *("MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "ISC", "0BSD", "MIT AND Zlib"),
    # Boost's licence, and a choice of which MIT is taken.
    *("BSL-1.0", "(WTFPL OR MIT)"),
}


def bundles(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sources give, built in a copy from the packages that the lock file pins."""
    if NODE is None:
        pytest.skip("node is not installed")
    root = tmp_path_factory.mktemp("web")
    shutil.copytree(WEB, root / "web", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(UI / "assets", root / "assets")
    packages = os.environ.get("RADRAFT_WEB_PACKAGES", "")
    if packages:
        (root / "web" / "node_modules").symlink_to(packages)
    else:
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=root / "web", check=True, timeout=240)
    subprocess.run(["node", "build.mjs", root / "out"], cwd=root / "web", check=True, timeout=120)
    return root


@pytest.mark.always
def test_the_committed_bundles_are_what_the_sources_give(built: Path) -> None:
    assert bundles(built / "out") == bundles(BUNDLES), "run `make web` and commit ui/bundles"


def test_the_sources_of_the_bundles_have_no_type_errors(built: Path) -> None:
    checked = subprocess.run(
        ["npx", "--no-install", "tsc", "--noEmit"],
        cwd=built / "web",
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert checked.returncode == 0, checked.stdout


def test_all_bundles_together_are_small_enough_to_be_loaded_by_a_hospitals_desk() -> None:
    assert 0 < sum(map(len, bundles(BUNDLES).values())) <= LARGEST


def test_each_package_in_a_bundle_has_a_free_licence_that_is_listed() -> None:
    listed = dict(
        re.findall(r"^(\S+) \d\S* \((.+)\)$", (BUNDLES / "LICENSES.txt").read_text(), re.MULTILINE)
    )
    wanted = json.loads((WEB / "package.json").read_text())["dependencies"]
    assert set(listed.values()) <= FREE
    assert listed.keys() <= locked()
    assert listed.keys() & wanted.keys()


def locked() -> set[str]:
    """Names of the packages in the lock file."""
    paths = json.loads((WEB / "package-lock.json").read_text())["packages"]
    return {path.split("node_modules/")[-1] for path in paths if path}
