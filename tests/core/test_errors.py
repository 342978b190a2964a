"""Every error has a stable code and two sentences."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from radraft.core import canonical
from radraft.core.errors import RadraftError, StudyRejected, catalogue, message
from tests.rooms import ROOMS

ROOT = Path(__file__).parents[2]


def _raised() -> set[tuple[str, str]]:
    """(file, code) of every error class called with a literal code."""
    found = set()
    for folder in ROOMS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id.endswith(("Error", "Rejected", "NotFound", "Conflict"))
                    and node.func.id not in {"ValueError", "TypeError", "RuntimeError", "OSError"}
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                    and isinstance(node.args[0].value, str)
                ):
                    found.add((path.name, node.args[0].value))
    return found


@pytest.mark.slow
def test_every_raised_code_is_in_the_catalogue() -> None:
    raised = _raised()
    assert raised
    missing = {(file, code) for file, code in raised if code not in catalogue()}
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(catalogue()))
def test_both_sentences_use_the_same_details(code: str) -> None:
    entry = catalogue()[code]
    assert set(entry) == {"zh", "en"}
    # A detail that is a word has one value for each language: `finding_zh`, `finding_en`.
    zh, en = (
        {
            name.removesuffix(f"_{lang}")
            for _, name, _, _ in string.Formatter().parse(entry[lang])
            if name
        }
        for lang in ("zh", "en")
    )
    assert zh == en
    assert any("\u4e00" <= character <= "\u9fff" for character in entry["zh"])
    assert entry["en"].isascii()


def test_a_file_name_stays_out_of_the_exception_text() -> None:
    error = StudyRejected("no_studies", file="/data/zhang_san.dcm")
    assert "zhang_san" not in str(error)
    assert error.as_json()["file"] == "/data/zhang_san.dcm"


def test_an_unknown_code_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        RadraftError("no_such_code")


def test_messages_fill_in_details() -> None:
    zh, en = message("case_not_found", {"case_id": "c-1"})
    assert "c-1" in zh
    assert "c-1" in en


def test_canonical_hash_does_not_depend_on_key_order() -> None:
    assert canonical.sha256({"a": 1, "b": "影"}) == canonical.sha256({"b": "影", "a": 1})
    assert canonical.dumps({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical.dumps({"a": object()})
    with pytest.raises(ValueError, match="Out of range"):
        canonical.dumps(float("nan"))
