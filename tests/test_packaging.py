"""The links of src/radraft must not lose anything on the way into a wheel or past mypy."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.rooms import ROOMS

ROOT = Path(__file__).parents[1]
WEB = ROOT / "ui" / "web"
"""Sources of what is bundled: the wheel has the bundles."""


def _sources() -> set[str]:
    found = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    for folder in ROOMS:
        found |= {
            f"radraft/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / folder).rglob("*.py")
        }
    return {path for path in found if "__pycache__" not in path}


def test_every_folder_is_linked() -> None:
    for folder in ROOMS:
        link = ROOT / "src" / "radraft" / folder
        assert link.is_symlink()
        assert not Path(link.readlink()).is_absolute()
        assert link.resolve() == ROOT / folder


@pytest.mark.always
@pytest.mark.slow
def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    shipped = {path for path in _sources() if not path.startswith("radraft/bench/")}
    assert shipped <= held
    assert not any(path.startswith("radraft/bench/") for path in held)
    data = {
        f"radraft/{path.relative_to(ROOT).as_posix()}"
        for folder in ROOMS
        if folder != "bench"
        for path in (ROOT / folder).rglob("*")
        if WEB not in path.parents
        and path.suffix
        in {".yaml", ".json", ".js", ".css", ".html", ".jinja", ".svg", ".txt", ".safetensors"}
    }
    assert data
    assert data <= held
    assert not any(path.startswith("radraft/ui/web/") for path in held)


@pytest.mark.always
@pytest.mark.slow
def test_mypy_is_strict_and_sees_every_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "-v"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    seen = {
        line.split("path=")[1].split()[0].strip("'\"(),")
        for line in done.stderr.splitlines()
        if "BuildSource(path=" in line
    }
    names = {path.split("src/", 1)[1] for path in seen if "src/" in path}
    assert _sources() <= names, sorted(_sources() - names)


@pytest.mark.parametrize(
    "command", [("ruff", "check", "."), ("ruff", "format", "--check", ".")], ids=" ".join
)
def test_the_code_is_in_form(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_room_imports_one_above_it() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout
