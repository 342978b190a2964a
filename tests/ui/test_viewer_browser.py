"""The viewer in Debian's Chromium without a graphics card: every slice, exact, or told why not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from radraft.store.tables import AuditRow
from tests import builders as reports
from tests.studies import builders
from tests.ui import seed
from tests.ui.chosen import take_in
from tests.ui.conftest import Opener, Seen, Workstation, let_in
from tests.ui.people import NAME

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE = 64
SLICES = 12
SPACING = 0.5
IDENTITY = ("Zhang", "P0042", "ACC778899", "1.2.826", "19700305")


def slices(folder: Path, study: int, count: int = SLICES, **changed: Any) -> Path:
    """A CT of `count` slices, of which each has values of its own, and a coronal picture of it."""
    uid = f"1.2.826.0.1.3680043.10.2.{study}"
    said = {
        "SOPClassUID": builders.CT, "Modality": "CT", "ViewPosition": None,
        "BodyPartExamined": "CHEST", "StudyInstanceUID": uid, "SliceThickness": "5",
        "RescaleSlope": "1", "RescaleIntercept": "-1000",
        "WindowCenter": "40", "WindowWidth": "400", "PixelSpacing": [str(SPACING)] * 2,
        "FrameOfReferenceUID": f"{uid}.9",
    }  # fmt: skip
    for number in range(count):
        own = {
            "SeriesInstanceUID": f"{uid}.1", "SeriesNumber": 1, "ConvolutionKernel": "B31f",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "ImageOrientationPatient": list(builders.AXIAL),
            "ImagePositionPatient": [-16, -16, 100 - 5 * number],
        }  # fmt: skip
        file = builders.radiograph(
            picture(number), number=study * 100 + number, **known(said | own | changed)
        )
        builders.write(file, folder / f"{number:04d}.dcm")
    scout = {
        "SeriesInstanceUID": f"{uid}.2", "SeriesNumber": 2,
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "ImageOrientationPatient": list(builders.CORONAL), "ImagePositionPatient": [-16, 0, 110],
        "PixelSpacing": ["2.5", str(SPACING)],
    }  # fmt: skip
    builders.write(
        builders.radiograph(picture(99), number=study * 100 + 99, **known(said | scout | changed)),
        folder / "scout.dcm",
    )
    return folder


def known(said: dict[str, Any]) -> dict[str, Any]:
    """What is said but for what is None."""
    return {name: value for name, value in said.items() if value is not None}


def picture(number: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Stored values that say which slice and pixel they are of; no flat part that looks written."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    values: np.ndarray[Any, np.dtype[np.int16]] = (900 + 10 * number + x + 2 * y).astype(np.int16)
    return values


def opened(workstation: Workstation, folder: Path, budget: int = 4) -> str:
    """A study in the store, drafted."""
    case_id = take_in(workstation.store, folder, budget=budget)
    with workstation.store.begin() as session:
        reports.save_draft(session, seed.made_draft(case_id))
    return case_id


def canvas(page: Page) -> Locator:
    return page.locator("[data-part=stage] canvas")


def at_slice(page: Page, number: int) -> None:
    """Wait until that slice of the series, from 1, is painted."""
    expect(page.locator("[data-part=slice-number]")).to_contain_text(re.compile(rf"\b{number}\b"))
    expect(canvas(page)).to_have_attribute("data-slice", str(number))
    expect(canvas(page)).not_to_have_attribute("data-image", "")


def to_series(page: Page, index: int = 0) -> None:
    page.locator("[data-part=shown-series]").wait_for()
    page.locator("[data-part=shown-series]").select_option(index=index)


def axial(page: Page, word: str = "axial") -> int:
    """Which of the listed series are the slices."""
    options = page.locator("[data-part=shown-series] option")
    expect(options).not_to_have_count(0)
    texts = options.all_text_contents()
    return next(number for number, text in enumerate(texts) if word in text)


def pixel(page: Page, column: float, row: float) -> tuple[float, float]:
    """Where a point of the picture is on the screen: the whole picture is seen, in the middle."""
    box = page.locator("[data-part=stage] canvas").bounding_box()
    assert box is not None
    scale = min(box["width"], box["height"]) / SIZE
    left = box["x"] + (box["width"] - SIZE * scale) / 2
    top = box["y"] + (box["height"] - SIZE * scale) / 2
    return left + column * scale, top + row * scale


def draw(page: Page, tool: str, *points: tuple[float, float]) -> None:
    page.locator(f"[data-part={tool}]").click()
    page.mouse.move(*pixel(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*pixel(page, *point), steps=4)
    page.mouse.up()


def test_every_slice_is_reached_by_keys_and_wheel_and_its_values_are_exact(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2001))
    page = open_page(case_id)
    to_series(page, axial(page))
    stage = page.locator("[data-part=stage]")
    stage.focus()
    page.keyboard.press("Home")
    for number in range(1, SLICES + 1):
        at_slice(page, number)
        page.mouse.move(*pixel(page, 20.5, 30.5))
        hu = 900 + 10 * (number - 1) + 20 + 2 * 30 - 1000
        expect(stage.locator(".rd-corner-right")).to_have_text(f"{hu} HU")
        page.keyboard.press("ArrowDown")
    page.keyboard.press("PageUp")
    at_slice(page, 2)
    page.mouse.wheel(0, 120)
    at_slice(page, 3)
    page.mouse.wheel(0, -120)
    at_slice(page, 2)
    assert page.evaluate("document.documentElement.dataset.rendering") == "cpu"


def test_a_length_is_exact_and_goes_to_whoever_listens_with_its_unit(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2002))
    page = open_page(case_id)
    to_series(page, axial(page))
    at_slice(page, SLICES // 2 + 1)
    page.evaluate(
        """async () => {
            const { on } = await import("/ui/state.js");
            window.heard = [];
            on("measurement", (value) => window.heard.push(value));
        }"""
    )
    draw(page, "length", (10, 20), (50, 50))
    said = page.locator("[data-part=measurement-said]")
    # 40 columns and 30 rows of half a millimetre; a pixel of the screen is less than 0.1 mm here.
    expect(said).to_have_text(re.compile(r"^(24\.[6-9]|25\.[0-4]) mm$"))
    box = canvas(page).bounding_box()
    assert box is not None
    page.locator("[data-part=insert-measurement]").click()
    page.keyboard.press("m")
    text = said.text_content()
    assert page.evaluate("window.heard") == [{"text_zh": text, "text_en": text}] * 2
    page.locator("[data-part=remove-measurement]").click()
    expect(page.locator("[data-part=measurement]")).to_be_hidden()


@pytest.mark.stress
def test_a_rectangle_says_what_lies_in_it_and_its_area(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2003))
    page = open_page(case_id)
    to_series(page, axial(page))
    at_slice(page, SLICES // 2 + 1)
    draw(page, "rectangle", (9.9, 19.9), (30.1, 40.1))
    said = page.locator("[data-part=measurement-said]")
    expect(said).to_contain_text("mm²")
    text = said.text_content() or ""
    inside = picture(SLICES // 2)[20:40, 10:30].astype(float) - 1000
    found = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?", text)]
    assert found[:4] == pytest.approx(
        [inside.mean(), inside.std(), inside.min(), inside.max()], abs=0.06
    )
    assert found[4] == pytest.approx(20.2 * 20.2 * SPACING**2, abs=4)


@pytest.mark.stress
def test_without_a_known_size_lengths_are_pixels_and_say_so(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2004, PixelSpacing=None))
    page = open_page(case_id, lang="zh")
    to_series(page, axial(page, "横断面"))
    at_slice(page, SLICES // 2 + 1)
    draw(page, "length", (10, 20), (50, 50))
    expect(page.locator("[data-part=measurement-said]")).to_have_text(
        re.compile(r"^(49\.\d|50\.\d) 像素（尺寸未知）$")
    )


@pytest.mark.stress
def test_letters_say_where_the_patient_is_and_follow_what_is_turned(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2005))
    page = open_page(case_id)
    to_series(page, axial(page))
    at_slice(page, SLICES // 2 + 1)

    def sides() -> list[str | None]:
        stage = page.locator("[data-part=stage]")
        names = ("left", "right", "top", "bottom")
        return [stage.locator(f"[data-part=side-{name}]").text_content() for name in names]

    assert sides() == ["R", "L", "A", "P"]
    page.locator("[data-part=flip]").click()
    assert sides() == ["L", "R", "A", "P"]
    page.locator("[data-part=flip]").click()
    page.locator("[data-part=rotate]").click()
    assert sides() == ["P", "A", "R", "L"]
    page.locator("[data-part=stage]").dblclick()
    assert sides() == ["R", "L", "A", "P"]
    to_series(page, 1 - axial(page))
    expect(page.locator("[data-part=stage] [data-part=side-top]")).to_have_text("H")


@pytest.mark.stress
def test_windows_have_keys_and_a_slice_becomes_a_key_image_through_one(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2006), budget=2)
    page = open_page(case_id)
    to_series(page, axial(page))
    stage = page.locator("[data-part=stage]")
    stage.focus()
    page.keyboard.press("Home")
    at_slice(page, 1)
    page.keyboard.press("3")
    expect(stage.locator(".rd-corner-left")).to_contain_text("W 1800 L 400")
    page.locator("[data-part=pick-slice]").click()
    wished = page.locator(".rd-thumb[data-pending=true]")
    expect(wished).to_have_count(1)
    expect(wished).to_contain_text("Bone")


def test_a_broken_slice_says_so_in_its_place_and_the_others_are_read(
    open_page: Opener, workstation: Workstation, seen: Seen, tmp_path: Path
) -> None:
    seen.refusals_expected = True
    case_id = opened(workstation, slices(tmp_path / "ct", 2007))
    keys = [f"originals/{case_id}/{number:04d}.dcm" for number in range(SLICES + 1)]
    objects = workstation.store.objects
    broken = next(
        key
        for key in keys
        if pydicom.dcmread(_file(tmp_path, objects.get(key))).get("ImagePositionPatient")
        == [-16, -16, 90]
    )
    objects.put(broken, objects.get(broken)[:-3000])
    page = open_page(case_id)
    to_series(page, axial(page))
    page.locator("[data-part=stage]").focus()
    page.keyboard.press("Home")
    at_slice(page, 1)
    page.keyboard.press("ArrowDown")
    at_slice(page, 2)
    page.keyboard.press("ArrowDown")
    note = page.locator("[data-part=stage] [data-part=note]")
    expect(note).to_contain_text("damaged")
    expect(page.locator("[data-part=slice-number]")).to_contain_text("3 of")
    page.get_by_role("button", name="中文").click()
    expect(note).to_contain_text("损坏")
    page.locator("[data-part=stage]").focus()
    page.keyboard.press("ArrowDown")
    at_slice(page, 4)
    expect(note).to_have_text("")
    page.keyboard.press("ArrowUp")
    expect(note).to_contain_text("损坏")


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "looked.dcm"
    path.write_bytes(content)
    return path


def test_two_pictures_side_by_side_scroll_and_window_together(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2008))
    page = open_page(case_id)
    to_series(page, axial(page))
    first = page.locator("[data-part=stage]")
    first.focus()
    page.keyboard.press("Home")
    at_slice(page, 1)
    page.keyboard.press("b")
    second = page.locator("[data-part=second-stage]")
    expect(second.locator("canvas")).to_have_count(1)
    # The slices of the same study beside themselves: linked from where both stand.
    chosen = page.locator("[data-part=beside-series]")
    chosen.select_option(label=chosen.locator("option", has_text="axial").first.text_content())
    expect(second.locator("canvas")).to_have_attribute("data-slice", str(SLICES // 2 + 1))
    first.focus()
    first.click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowDown")
    at_slice(page, 2)
    expect(second.locator("canvas")).to_have_attribute("data-slice", str(SLICES // 2 + 2))
    page.keyboard.press("1")
    for stage in (first, second):
        expect(stage.locator(".rd-corner-left")).to_contain_text("W 1500 L -600")
    page.locator("[data-part=link]").click()
    first.focus()
    page.keyboard.press("ArrowDown")
    at_slice(page, 3)
    expect(second.locator("canvas")).to_have_attribute("data-slice", str(SLICES // 2 + 2))
    # Where the present slice cuts a picture of another plane is drawn in that.
    chosen.select_option(label=chosen.locator("option", has_text="localizer").first.text_content())
    expect(second.locator("svg line")).not_to_have_count(0)
    page.keyboard.press("b")
    expect(second).to_have_count(0)
    expect(page.locator(".rd-stage canvas")).to_have_count(1)


def test_nothing_that_the_viewer_asks_for_names_anybody(
    open_page: Opener, workstation: Workstation, tmp_path: Path
) -> None:
    case_id = opened(workstation, slices(tmp_path / "ct", 2009))
    page = open_page(case_id)
    said: list[str] = []

    def note(response: Any) -> None:
        if "/series" in response.url or "/frames/" in response.url:
            said.append(
                response.url + json.dumps(response.headers) + response.body().decode("latin-1")
            )

    page.on("response", note)
    to_series(page, axial(page))
    page.locator("[data-part=stage]").focus()
    page.keyboard.press("Home")
    at_slice(page, 1)
    page.keyboard.press("End")
    at_slice(page, SLICES)
    assert said
    for answer in said:
        for planted in IDENTITY:
            assert planted not in answer


def test_signing_waits_for_the_key_images_or_for_who_read_them_elsewhere(
    open_page: Opener, workstation: Workstation, seen: Seen
) -> None:
    seen.refusals_expected = True
    pictures = tuple(
        seed.key_image(seed.phantom(64, number), (1300.0, 2600.0)) for number in (31, 32)
    )
    case_id = seed.add(workstation.store, 2010, pictures=pictures)
    whole = seed.add(workstation.store, 2011)
    lost = pictures[1].image_id
    workstation.store.objects.remove(f"images/{lost[:2]}/{lost}.png")
    page = open_page(case_id)
    page.locator("[data-part=bar] [data-part=sign]").click()
    dialog = page.locator("[data-part=dialog]")
    expect(dialog).to_contain_text("1 of the key images could not be drawn here yet.")
    dialog.locator("[data-part=confirm]").click()
    assert workstation.service.case_view(case_id).versions == ()
    dialog.locator("[data-part=seen-elsewhere]").check()
    dialog.locator("[data-part=confirm]").click()
    expect(page.locator("[data-part=signature]")).to_be_visible()
    assert images_said(workstation, case_id) == "elsewhere"
    page = open_page(whole)
    expect(canvas(page)).not_to_have_attribute("data-image", "")
    page.locator("[data-part=bar] [data-part=sign]").click()
    expect(dialog := page.locator("[data-part=dialog]")).to_be_visible()
    expect(dialog.locator("[data-part=images-missing]")).to_be_hidden()
    dialog.locator("[data-part=confirm]").click()
    expect(page.locator("[data-part=signature]")).to_be_visible()
    assert images_said(workstation, whole) == "drawn"


def images_said(workstation: Workstation, case_id: str) -> str:
    """What the audit says of how the signer saw the images."""
    asked = select(AuditRow.details).where(AuditRow.case_id == case_id, AuditRow.kind == "sign")
    with workstation.store.read() as session:
        said: str = json.loads(session.scalars(asked).one())["images"]
    return said


def test_a_browser_without_webgl_shows_every_slice(
    browser: Browser, workstation: Workstation, tmp_path: Path
) -> None:
    """As where a hospital's policy switches it off: `getContext("webgl2")` gives null."""
    case_id = opened(workstation, slices(tmp_path / "ct", 2012))
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    let_in(context, workstation, workstation.url, NAME)
    context.add_init_script(
        """for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
            const whole = kind.prototype.getContext;
            kind.prototype.getContext = function (name, ...rest) {
                return name.startsWith("webgl") ? null : whole.call(this, name, ...rest);
            };
        }"""
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{workstation.url}/?lang=en#{case_id}")
    to_series(page, axial(page))
    page.locator("[data-part=stage]").focus()
    page.keyboard.press("Home")
    for number in range(1, SLICES + 1):
        at_slice(page, number)
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.documentElement.dataset.rendering") == "cpu"
    assert errors == []
    context.close()
