"""Languages and the page's own files."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from radraft.reports.audit import AuditKind, Outcome
from radraft.reports.values import Origin, ReportState, Section
from radraft.store.cases import CaseState

UI = Path(__file__).parents[2] / "ui"
SCRIPTS = [*sorted((UI / "assets").glob("*.js")), *sorted((UI / "web").glob("[a-z]*/*.ts"))]
PAGES = sorted((UI / "assets").glob("*.html"))
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in (UI / "i18n").glob("*.json")}

CJK = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
COMMENT = re.compile(r"^\s*(//|/\*|\*|\*/).*$", re.M)
LITERAL = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`")


def test_both_languages_have_the_same_strings() -> None:
    en, zh = LANGUAGES["en"], LANGUAGES["zh-CN"]
    assert sorted(en) == sorted(zh)
    for key in en:
        places = [sorted(re.findall(r"\{\w+\}", words[key])) for words in (en, zh)]
        # A language may leave a particle out, but never name a value the other does not have.
        assert places[0] == places[1], key
        assert en[key].strip() and zh[key].strip(), key


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_hold_no_visible_text(script: Path) -> None:
    code = COMMENT.sub("", script.read_text())
    assert not CJK.search(code)
    for match in LITERAL.finditer(code):
        text = re.sub(r"\$\{[^}]*\}", "", match[1] or match[2] or "")
        # Words as people read them: a capital and then letters, or two words in a row.
        assert not re.search(r"\b[A-Z][a-z]+ [a-z]+|\b[a-z]{3,} [a-z]{2,} [a-z]{2,}", text), text
    assert not re.search(r"text: \"[^\"]*[A-Za-z]", code)
    assert not re.search(r"(placeholder|title|aria-label)\"?: \"", code)
    assert not re.search(r"https?://", code)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_hold_no_visible_text(page: Path) -> None:
    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            assert not data.strip(), data

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attrs}
            assert not names & {"title", "placeholder", "aria-label", "alt", "onclick", "style"}
            for name, value in attrs:
                if name.startswith("data-i18n"):
                    assert value in LANGUAGES["en"], value

    Reader().feed(page.read_text())


def test_every_string_used_exists_and_every_string_is_used() -> None:
    used: set[str] = set()
    code = COMMENT.sub("", "\n".join(path.read_text() for path in (*SCRIPTS, *PAGES)))
    used |= set(re.findall(r"\bt\(\s*\"(\w+)\"", code))
    used |= set(re.findall(r"data-i18n[\w-]*=\"(\w+)\"", code))
    for key in used:
        assert key in LANGUAGES["en"], key
    prefixes = set(re.findall(r"[`]((?:[a-z]+_)+)\$\{", code))
    literals = set(re.findall(r"\"(\w+)\"", code))
    for key in LANGUAGES["en"]:
        known = key in used or key in literals or any(key.startswith(p) for p in prefixes)
        assert known, key


def test_a_large_file_is_sent_compressed_to_whoever_takes_that(client: TestClient) -> None:
    path, whole = "/ui/bundles/viewer.js", (UI / "bundles" / "viewer.js").read_bytes()
    small = client.get(path)
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < len(whole) / 2
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content == whole
    again = client.get(path, headers={"If-None-Match": small.headers["etag"]})
    assert again.status_code == 304


def test_every_state_the_service_can_name_has_a_word() -> None:
    words = LANGUAGES["en"]
    for state in (*CaseState, *ReportState):
        assert f"phase_{state.value}" in words
    for origin in Origin:
        assert f"origin_{origin.value}_hint" in words
    for section in Section:
        assert section.value in words


def test_the_audit_can_be_searched_for_every_kind_and_outcome() -> None:
    code = (UI / "assets" / "audit.js").read_text()
    for name, known in (("KINDS", AuditKind), ("OUTCOMES", Outcome)):
        listed = re.search(rf"const {name} = \[(.*?)\]", code, re.S)
        assert listed is not None
        assert sorted(re.findall(r"\"(\w+)\"", listed[1])) == sorted(known)
