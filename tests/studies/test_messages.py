"""Every code that `studies/` can raise has its sentences, and no sentence is left over."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

import radraft.studies
from radraft.core.errors import message

_RAISERS = {"Refused", "StudyRejected", "Refusal"}
_CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+")
_DETAILS: dict[str, str | int | float] = {"most": 3, "syntax": "1.2.3"}


def _trees() -> list[ast.AST]:
    assert radraft.studies.__file__ is not None
    folder = Path(radraft.studies.__file__).parent
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))]


def _strings(node: ast.AST) -> set[str]:
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def _raised() -> set[str]:
    found: set[str] = set()
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _RAISERS:
                for argument in node.args:
                    found |= _strings(argument)
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in {"code", "issues"}:
                        found |= _strings(value)
    return {text for text in found if _CODE.fullmatch(text)}


def _catalogue() -> dict[str, dict[str, str]]:
    text = files("radraft.core").joinpath("messages/studies.yaml").read_text(encoding="utf-8")
    entries: dict[str, dict[str, str]] = yaml.safe_load(text)
    return entries


@pytest.mark.slow
def test_every_raised_code_has_its_sentences() -> None:
    raised = _raised()
    assert {"not_dicom", "nested_too_deep", "decode_crashed", "zip_timeout"} <= raised
    assert raised <= set(_catalogue())


def test_every_sentence_belongs_to_a_code() -> None:
    used = set().union(*(_strings(tree) for tree in _trees()))
    assert set(_catalogue()) <= used


def test_sentences_are_there_in_both_languages_and_differ() -> None:
    sentences = [message(code, _DETAILS) for code in _catalogue()]
    for zh, en in sentences:
        assert re.search(r"[\u4e00-\u9fff]", zh) and zh.endswith("。") and "{" not in zh
        assert en.isascii() and en.endswith(".") and "{" not in en
    assert len({zh for zh, _ in sentences}) == len({en for _, en in sentences}) == len(sentences)
