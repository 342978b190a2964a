"""Templates of other makers come in as lines of text, or are refused with a code; ours go out as
MRRT and come back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from radraft.core.errors import ReportError
from radraft.reports.report_templates import MAX_FILE, ready_templates
from radraft.reports.template_import import MAX_DEPTH, MAX_ELEMENTS, read_template, to_mrrt
from radraft.reports.values import Section

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/report_templates"
MRRT = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="UTF-8"/>
<title>CT Chest</title>
<meta name="dcterms.identifier" content="Site 7 / CT-Chest"/>
<script type="text/xml"><template_attributes/></script>
<style>p {{ color: red }}</style>
</head><body onload="steal()">
<section data-section-name="Clinical information"><p>Cough and fever.</p></section>
<section id="f" class="level1" data-section-name="Findings">
<header class="level1">Findings</header>
<p><label for="T1">Lungs</label>:
<textarea id="T1" name="Lungs" onfocus="steal()">Lungs are clear.</textarea></p>
<p><label for="T2">Effusion</label>:
<select id="T2"><option value="">choose</option>
<option>none</option><option>small</option></select></p>
<p><label for="T3">Heart</label> <select id="T3"><option selected="selected">normal</option>
<option>enlarged</option></select></p>
<div>Nodule size <input type="text" value=""/> mm</div>
<p>Side: <input type="radio" name="s" id="l"/><label for="l">left</label>
<input type="radio" name="s" id="r"/><label for="r">right</label></p>
<p><input type="checkbox" id="c"/><label for="c">Pacemaker</label></p>
<p onclick="steal()">No fracture &amp; no <b>dislocation</b>.<script>steal()</script></p>
</section>
<section data-section-name="Impression"><p>Normal chest.</p></section>
</body></html>
"""


def refused(content: str | bytes) -> str:
    with pytest.raises(ReportError) as error:
        read_template(content.encode() if isinstance(content, str) else content, "file")
    return error.value.code


def page(body: str, head: str = "", lang: str = "en") -> str:
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head>{head}</head><body>'
        f'<section data-section-name="Findings">{body}</section></body></html>'
    )


def test_an_mrrt_file_becomes_lines_of_text() -> None:
    found = read_template(MRRT.format(lang="en").encode())
    template = found.template
    assert template.id == "site_7_ct_chest"
    assert (template.modalities, template.body_parts) == (("CT",), ("CHEST",))
    assert found.is_limited
    assert found.left_out == ("Clinical information",)
    assert [(line.section, line.name.en, line.en) for line in template.lines] == [
        (Section.FINDINGS, "Lungs", "Lungs are clear."),
        (Section.FINDINGS, "Effusion", "Effusion: ( none / small )"),
        (Section.FINDINGS, "Heart", "Heart normal"),
        (Section.FINDINGS, "Nodule size ( ) mm", "Nodule size ( ) mm"),
        (Section.FINDINGS, "Side: ( left / right )", "Side: ( left / right )"),
        (Section.FINDINGS, "No fracture & no dislocation.", "No fracture & no dislocation."),
        (Section.IMPRESSION, "Normal chest.", "Normal chest."),
    ]
    assert not any(line.zh for line in template.lines)


def test_nothing_of_a_script_a_handler_or_a_style_comes_in() -> None:
    kept = read_template(MRRT.format(lang="en").encode()).template.model_dump_json()
    for word in ("steal", "color", "onclick", "script", "template_attributes"):
        assert word not in kept


@pytest.mark.parametrize(
    "content",
    [
        page("<p>Clear.</p>", '<script src="https://example.org/a.js"></script>'),
        page("<p>Clear.</p>", '<link rel="stylesheet" href="//example.org/a.css"/>'),
        page("<p>Clear.</p>", "<style>@import 'a.css';</style>"),
        page("<p>Clear.</p>", "<style>p { background: url(a.png) }</style>"),
        page('<p><img src="file:///etc/passwd"/>Clear.</p>'),
        page('<p><img srcset="https://example.org/a.png 2x"/>Clear.</p>'),
        page('<iframe src="https://example.org"></iframe><p>Clear.</p>'),
        page('<object data="a.svg"></object><p>Clear.</p>'),
        page('<form action="https://example.org"><p>Clear.</p></form>'),
        page('<p style="background:url(https://example.org/a)">Clear.</p>'),
        page('<svg><use xlink:href="https://example.org/a.svg#b"/></svg><p>Clear.</p>'),
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + page("<p>&x;</p>")[15:],
        '<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + page("<p>&b;</p>")[15:],
    ],
)
def test_a_file_that_asks_for_something_outside_it_is_refused(content: str) -> None:
    assert refused(content) == "template_external"


def test_entities_that_nobody_declared_stay_text() -> None:
    assert read_template(page("<p>Clear &x; air.</p>").encode()).template.lines[0].en == (
        "Clear &x; air."
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (MRRT.format(lang="de"), "template_language"),
        (MRRT.format(lang="fr-CA"), "template_language"),
        ("<html><body><p>Lungs are clear.</p></body></html>", "template_not_mrrt"),
        (page(""), "template_without_lines"),
        (page("<p> . </p><p><input type='checkbox'/></p>"), "template_without_lines"),
        (page("<div>" * (MAX_DEPTH + 5) + "Clear."), "template_too_deep"),
        (page("<br/>" * (MAX_ELEMENTS + 5)), "template_too_deep"),
        ("x" * (MAX_FILE + 1), "template_too_large"),
        (b"\xff\xfe\x00", "template_format"),
        ("a\0b", "template_format"),
        ("just words", "template_format"),
        ("lines: 7", "report_template_invalid"),
        ("report: {a: b}", "report_template_invalid"),
        ("report: [{section: a, content: b, more: c}]", "report_template_invalid"),
        (page("<p>Clear \u202e air.</p>"), "report_template_invalid"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_code(content: str | bytes, code: str) -> None:
    assert refused(content) == code


@given(st.text(max_size=300) | st.text("<>/ap=\"'&;![]-sectionDOCTYPE ", max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_file_is_answered_by_anything_but_a_template_or_a_code(text: str) -> None:
    for content in (text, "<" + text, page(text)):
        try:
            found = read_template(content.encode("utf-8", "replace"))
        except ReportError as error:
            assert error.code.startswith("template_")
        else:
            assert found.template.lines


def test_a_chinese_file_has_chinese_lines() -> None:
    found = read_template(
        '<html><body><section data-section-name="影像所见"><p>双肺清晰。</p></section>'
        '<section data-section-name="诊断意见"><p>( 左 / 右 )肺未见异常。</p></section>'
        "</body></html>".encode(),
        "胸部",
    )
    assert [(line.section, line.zh, line.en) for line in found.template.lines] == [
        (Section.FINDINGS, "双肺清晰。", ""),
        (Section.IMPRESSION, "( 左 / 右 )肺未见异常。", ""),
    ]
    assert found.template.lines[0].name.zh == "双肺清晰。"
    assert not found.is_limited


def test_marks_of_a_file_of_sentences_become_fields() -> None:
    found = read_template(
        b"exam_code: [MLSPN]\nvr_shortcut_suffix: mri lumbar spine\n"
        b"report: 'The conus ends at []. The [left|right] root at [L5] is free.'\n"
        b"summary: Normal.\n",
        "mri_lspine",
    ).template
    assert [line.en for line in found.lines] == [
        "The conus ends at ( ).",
        "The ( left / right ) root at ( L5 / ) is free.",
        "Normal.",
    ]
    assert (found.id, found.modalities, found.body_parts, found.procedures) == (
        "mri_lspine",
        ("MR",),
        ("LSPINE",),
        ("MLSPN",),
    )


@pytest.mark.parametrize("template", ready_templates(), ids=lambda template: template.id)
def test_what_goes_out_as_mrrt_comes_back_as_it_was(template: object) -> None:
    limited = template.model_copy(  # type: ignore[attr-defined]
        update={"sex": "F", "min_age": 14.0, "max_age": 60.5, "procedures": ("A&B", "<C>")}
    )
    for each in (template, limited):
        written = to_mrrt(each)  # type: ignore[arg-type]
        assert read_template(written.encode()).template == each
        assert 'data-section-name="Findings"' in written
        assert "<script" not in written


@pytest.mark.skipif(not SHARED.is_dir(), reason="the templates are not here")
def test_every_published_template_is_imported_or_refused_with_a_code() -> None:
    files = sorted(SHARED.glob("mdvthu_en/yaml/*.yaml"))
    files += sorted(SHARED.glob("reiger_mrrt_de/**/*.html"))
    imported, codes = 0, []
    for file in files:
        name = file.parent.name if file.stem == "template" else file.stem
        try:
            found = read_template(file.read_bytes(), name)
        except ReportError as error:
            codes.append(error.code)
            print(f"{file.relative_to(SHARED)!s:70} {error.code}")
        else:
            imported += 1
            template = found.template
            print(
                f"{file.relative_to(SHARED)!s:70} {len(template.lines)} lines "
                f"{','.join(template.modalities)} {','.join(template.body_parts)}"
            )
    # All English files of sentences come in; a report is written in Chinese or English.
    assert imported == 26
    assert sorted(codes) == ["template_external"] + ["template_language"] * 10 + [
        "template_not_mrrt"
    ]
