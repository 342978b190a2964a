"""What a newcomer reads says the same in both languages, and points at what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radraft.core.errors import catalogue
from radraft.core.settings import Settings
from radraft.llm.link import LlmState
from radraft.store.arrivals import ArrivalState
from radraft.store.cases import CaseState

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
PAGES = [
    ENGLISH,
    CHINESE,
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _targets(text: str) -> list[str]:
    return re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)


def _code(text: str) -> list[str]:
    """What an indented line of code names, without what is said of it: two spaces or `#` divide."""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return [re.split(r"\s{2,}|#", line.strip())[0] for line in lines]


def _asked(code: list[str]) -> list[str]:
    return ["ask CASE" if line.startswith("radraft ask") else line for line in code]


def test_both_readmes_have_one_structure() -> None:
    english, chinese = _text(ENGLISH), _text(CHINESE)
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in (english, chinese)]
    assert levels[0] == levels[1] and len(levels[0]) >= 6
    others = {ENGLISH: CHINESE, "docs/deploy.zh-CN.md": "docs/deploy.md"}
    assert [others.get(target, target) for target in _targets(chinese)] == _targets(english)
    assert _asked(_code(chinese)) == _asked(_code(english))
    assert len(_code(english)) >= 30


def test_both_deploy_guides_say_the_same() -> None:
    english, chinese = _text("docs/deploy.md"), _text("docs/deploy.zh-CN.md")
    for pattern in (r"^(#+) ", r"^(\|)", r"^- "):
        found = [re.findall(pattern, text, re.MULTILINE) for text in (english, chinese)]
        assert found[0] == found[1] != []
    assert _code(english) == _code(chinese) != []
    named = [re.findall(r"`([\w./{},=*-]+)`", text) for text in (english, chinese)]
    assert set(named[0]) == set(named[1])
    assert set(_targets(english)) - {"deploy.zh-CN.md"} == set(_targets(chinese)) - {"deploy.md"}


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/deploy.zh-CN.md"])
def test_every_code_setting_and_figure_of_the_deploy_guide_is_there(page: str) -> None:
    named = set(re.findall(r"`(RADRAFT_\w+)", _text(page)))
    assert {name.removeprefix("RADRAFT_").lower() for name in named} <= set(Settings.model_fields)
    tables = re.findall(r"^\|.*\|$", _text(page), re.MULTILINE)
    cells = {word for line in tables for word in re.findall(r"`([a-z_]+)[`{]", line)}
    figures = {cell for cell in cells if cell.startswith("radraft_")}
    source = (ROOT / "core/metrics.py").read_text() + (ROOT / "ui/api/monitoring.py").read_text()
    assert figures
    assert [name for name in figures if f'"{name.removesuffix("_total")}"' not in source] == []
    codes = (
        cells
        - figures
        - set(CaseState)
        - set(ArrivalState)
        - set(LlmState)
        - {"open", "untold", "escalated", "signature_log", "audit"}
    )
    assert len(codes) >= 10
    assert codes <= set(catalogue())


def test_the_tree_names_every_room_and_no_other() -> None:
    named = {line.rstrip("/") for line in _code(_text(ENGLISH)) if line.endswith("/")}
    rooms = {path.name for path in (ROOT / "src" / "radraft").iterdir() if path.is_symlink()}
    assert rooms <= named
    assert all((ROOT / name).is_dir() for name in named)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    local = [
        target for target in _targets(_text(page)) if not target.startswith(("http", "mailto"))
    ]
    assert [target for target in local if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    """Paths in backticks that begin with a room."""
    rooms = "|".join(sorted(p.name for p in (ROOT / "src" / "radraft").iterdir() if p.is_symlink()))
    named = re.findall(rf"`((?:{rooms}|tests|docs|demo|packaging)/[\w./-]+\.\w+)`", _text(page))
    assert [name for name in named if not (ROOT / name).exists()] == []
