"""Signed reports as PDF, read back with pypdf and as pictures with poppler."""

from __future__ import annotations

import io
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from radraft.core.errors import NotFound, RadraftError, ReportError, SettingsError
from radraft.reports.export.fonts import missing_character
from radraft.reports.export.pdf import Picture, pdf
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.values import Origin, Sentence, both
from tests.outgoing_reports import examination, images, outgoing, signed
from tests.read_back.forms import FONT, pictures_of


def squeezed(text: str) -> str:
    """`text` without spaces: a PDF has lines of its own."""
    return re.sub(r"\s+", "", text)


def read(content: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))


def with_text(text: str) -> OutgoingReport:
    """A report whose first finding is `text`."""
    report = outgoing(signed(1, findings=1), key_images=())
    sentence = Sentence("f1", both(text, "Clear.", Origin.PERSON))
    return replace(report, report=replace(report.report, findings=(sentence,)))


def code_of(report: OutgoingReport, font: tuple[Path, ...] = FONT) -> tuple[str, Any]:
    with pytest.raises(RadraftError) as caught:
        pdf(report, (), font)
    return caught.value.code, caught.value.details.get("character")


def test_the_same_report_gives_the_same_bytes_whatever_the_machines_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = outgoing(signed(3))
    zoned = replace(report, institution=replace(report.institution, time_zone="Asia/Shanghai"))
    made, without_zone = set(), set()
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        made.add(pdf(zoned, pictures_of(zoned), FONT))
        without_zone.add(pdf(report, pictures_of(report), FONT))
    monkeypatch.undo()
    time.tzset()
    assert (len(made), len(without_zone)) == (1, 1)
    assert "UTC" in read(without_zone.pop())
    assert pdf(outgoing(signed(4)), (), FONT) not in made


def test_no_value_of_the_head_can_begin_a_section() -> None:
    forged = "咳嗽\n诊断意见：\n未见异常"
    made = pdf(outgoing(examination=examination(history=forged, accession=forged)), (), FONT)
    lines = [
        line.strip()
        for page in PdfReader(io.BytesIO(made)).pages
        for line in page.extract_text().splitlines()
    ]
    assert any("咳嗽 诊断意见： 未见异常" in line for line in lines)
    assert "未见异常" not in lines


def test_many_are_made_at_once() -> None:
    reports = [outgoing(signed(number)) for number in range(1, 5)]
    alone = [pdf(report, pictures_of(report), FONT) for report in reports]
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda report: pdf(report, pictures_of(report), FONT), reports * 4)
        assert list(made) == alone * 4


def test_it_is_built_as_pdf_a_asks_for() -> None:
    report = outgoing(signed(3))
    file = PdfReader(io.BytesIO(pdf(report, pictures_of(report), FONT)))
    root = file.trailer["/Root"]
    assert isinstance(root, DictionaryObject)
    xmp = root["/Metadata"].get_object().get_data().decode()  # type: ignore[attr-defined]
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    (intent,) = root["/OutputIntents"]  # type: ignore[attr-defined]
    assert intent.get_object()["/S"] == "/GTS_PDFA1"
    assert intent.get_object()["/DestOutputProfile"].get_object().get_data()[36:40] == b"acsp"
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712
    assert {"/StructTreeRoot", "/Lang"} <= set(root)
    assert "/ID" in file.trailer
    assert "/Encrypt" not in file.trailer
    fonts = objects(file, "/FontDescriptor")
    assert fonts
    for font in fonts:
        # A subset of the font is in the file.
        assert re.match(r"/[A-Z]{6}\+", font["/FontName"])
        assert "/FontFile3" in font
    assert not objects(file, "/Action")
    # Nothing shines through, and no soft mask does.
    assert not [mask for image in objects(file, "/XObject") if (mask := image.get("/SMask"))]


def objects(file: PdfReader, kind: str) -> list[DictionaryObject]:
    found = [file.get_object(number) for number in range(1, int(file.trailer["/Size"]))]
    return [
        item for item in found if isinstance(item, DictionaryObject) and item.get("/Type") == kind
    ]


def test_key_images_are_there_pixel_by_pixel_in_reading_order() -> None:
    report = outgoing(signed(3), key_images=images(3, 3))
    pictures = pictures_of(report)
    file = PdfReader(io.BytesIO(pdf(report, pictures[::-1], FONT)))
    shown = [image.image for page in file.pages for image in page.images]
    expected = [Image.open(io.BytesIO(picture.png)) for picture in pictures]
    grey = [np.asarray(picture.convert("L")) for picture in shown if picture is not None]
    assert [picture.shape for picture in grey] == [np.asarray(e).shape for e in expected]
    for picture, wanted in zip(grey, expected, strict=True):
        assert np.array_equal(picture, np.asarray(wanted))


def test_images_that_are_kept_no_more_are_counted_on_the_page() -> None:
    report = outgoing(signed(3), key_images=images(3, 3))
    text = read(pdf(report, pictures_of(report)[:1], FONT))
    assert squeezed("另有 2 幅关键图像未附") in text
    assert squeezed("2 more key images are not shown") in text


@pytest.mark.parametrize(
    "text",
    [
        "#panic(1) #import \"x.typ\" $x^2$ *粗* _斜_ `码` @ref <标> // 注 /* 注 */ [括]。",
        "<b>粗</b><script>alert(1)</script>&amp;&lt; {{ 7*7 }} ${7*7} \\u{41} \\n。",
        "-- --- ... \"引\" 'q' ~ = 一级 + 项 / 词: 义。",
        "右侧𠮷𪚥骨 ≤3.5 mm，±0.1，→ 2 ℃，①②。",
    ],
)  # fmt: skip
def test_a_sentence_is_text_and_never_markup(text: str) -> None:
    if missing_character(text, FONT) is not None:
        text = text.replace("𪚥", "")
    assert squeezed(text) in read(pdf(with_text(text), (), FONT))


def test_lines_of_a_sentence_and_very_long_words_stay_on_the_page(tmp_path: Path) -> None:
    long = "A" * 64
    report = replace(with_text(f"一行\n二行{'0123456789' * 20}"), key_images=())
    patient = replace(report.examination.patient, patient_id=long)
    report = replace(report, examination=replace(report.examination, patient=patient))
    content = pdf(report, (), FONT)
    assert squeezed(f"一行二行{'0123456789' * 20}") in read(content)
    assert long in read(content)
    (page, *_) = rendered(content, tmp_path)
    margin = page[:, int(page.shape[1] * 0.93) :]
    assert margin.min() > 250


def test_each_further_page_says_whose_it_is_and_how_many_there_are() -> None:
    report = outgoing(signed(8, findings=40, impression=9), number=8, key_images=())
    pages = PdfReader(io.BytesIO(pdf(report, (), FONT))).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        text = squeezed(page.extract_text())
        assert f"第{number}页，共{len(pages)}页·page{number}of{len(pages)}" in text
        assert "AI辅助，医师审核" in text
        assert text.count("所用AI软件仅供研究使用·TheAIsoftwareisforresearchuseonly") >= 1
        assert "PLANTED-4711" in text
        assert "PACC000008" in text


def test_the_code_on_the_page_is_the_content_hash(tmp_path: Path) -> None:
    report = outgoing(signed(3))
    (page, *_) = rendered(pdf(report, (), FONT), tmp_path)
    read_code, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(page)
    assert read_code == f"sha256:{report.content_sha}"


def rendered(content: bytes, folder: Path) -> list[np.ndarray[Any, Any]]:
    """The pages as grey pictures, drawn by poppler."""
    file = folder / "report.pdf"
    file.write_bytes(content)
    subprocess.run(
        ["pdftoppm", "-r", "150", "-gray", "-png", str(file), str(folder / "page")],
        check=True,
        timeout=60,
    )
    return [np.asarray(Image.open(page).convert("L")) for page in sorted(folder.glob("page*.png"))]


def test_a_character_that_no_font_has_is_named_and_nothing_is_made() -> None:
    assert code_of(with_text("可见\U0001f600。")) == ("export_glyph_missing", "U+1F600")
    assert code_of(with_text("可见\u05d0。")) == ("export_glyph_missing", "U+05D0")


def test_a_character_that_nobody_sees_is_refused_in_a_name() -> None:
    patient = replace(examination(1).patient, name="欧阳^假\u202e名")
    report = outgoing(number=1, examination=examination(1, patient=patient))
    assert code_of(report) == ("export_character_refused", "U+202E")


def test_what_only_shapes_its_neighbour_and_what_has_no_width_is_no_hindrance() -> None:
    for text in ("葛\U000e0100医师。", "a\u200db\u200bc。"):
        assert pdf(with_text(text), (), FONT).startswith(b"%PDF-")


def test_a_file_that_is_no_font_is_a_code(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"no font")
    with pytest.raises(SettingsError) as caught:
        pdf(outgoing(), (), (bad,))
    assert (caught.value.code, caught.value.file) == ("export_font_unreadable", str(bad))


def test_what_nobody_signed_or_submitted_has_no_page() -> None:
    report = replace(outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None)
    assert "尚未签发" in read(pdf(report, (), FONT))
    with pytest.raises(NotFound) as caught:
        pdf(replace(report, submitted_at=None), (), FONT)
    assert caught.value.code == "version_not_signed"


def test_a_report_that_cannot_be_laid_out_is_a_code_without_its_words() -> None:
    report = outgoing(key_images=images(1, 1))
    with pytest.raises(ReportError) as caught:
        pdf(
            report, [Picture(report.key_images[0].image_id, b"\x89PNG\r\n\x1a\n" + b"0" * 40)], FONT
        )
    assert caught.value.code == "export_pdf_failed"
    assert caught.value.__cause__ is None
