"""What the pixels say of an image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from radraft.studies.quality.limits import About, rules
from radraft.studies.quality.measure import measure
from radraft.studies.quality.values import Measures, Verdict

Pixels = npt.NDArray[np.uint8]


def film(side: int = 1024) -> Pixels:
    """Lungs, ribs, a heart and detector noise: nothing that any rule objects to."""
    y, x = np.mgrid[0:side, 0:side] / side
    body = 190 * np.exp(-(((x - 0.5) / 0.55) ** 4 + ((y - 0.6) / 0.7) ** 4))
    for centre in (0.3, 0.7):
        body -= 110 * np.exp(-((((x - centre) / 0.15) ** 2 + ((y - 0.5) / 0.3) ** 2) ** 2))
    chance = np.random.default_rng(0)
    fine = np.asarray(
        Image.fromarray(chance.normal(0, 7, (192, 192)).astype(np.float32)).resize((side, side))
    )
    body += 10 * np.sin(y * 55 + (x - 0.5) ** 2 * 30) + fine
    return (body + chance.normal(0, 1.5, body.shape)).clip(4, 250).astype(np.uint8)


def of(pixels: Pixels) -> Measures:
    return measure(pixels, pixels.astype(np.int16), (128.0, 256.0))


def broken(found: Measures) -> dict[str, Verdict]:
    return {
        code: reason.severity
        for code, rule in rules(About.RADIOGRAPH).items()
        if (reason := rule.broken(code, getattr(found, rule.measure)))
    }


def blurred(share: float) -> Callable[[Pixels], Pixels]:
    return lambda pixels: np.asarray(
        Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(share * pixels.shape[0]))
    )


def noisy(pixels: Pixels) -> Pixels:
    # Coarser than the pixels, as the noise of a detector that shares its signal.
    rows, columns = pixels.shape
    grain = np.random.default_rng(1).normal(0, 40, (rows // 2, columns // 2)).astype(np.float32)
    wide = np.asarray(Image.fromarray(grain).resize((columns, rows), Image.Resampling.NEAREST))
    return (pixels + wide).clip(0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("side", [224, 384, 1024, 2048])
def test_nothing_is_wrong_with_a_film_of_any_size(side: int) -> None:
    whole = Image.fromarray(film())
    scaled = np.asarray(whole.resize((side, side), Image.Resampling.BOX))
    assert broken(of(scaled)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("quality_blank", lambda p: np.full_like(p, 90)),
        ("quality_too_dark", lambda p: (p * 2.0 - 240).clip(0, 255).astype(np.uint8)),
        ("quality_too_bright", lambda p: (p * 2.0 + 100).clip(0, 255).astype(np.uint8)),
        ("quality_low_contrast", lambda p: (p * 0.12 + 90).astype(np.uint8)),
        ("quality_few_levels", lambda p: (p // 16 * 16).astype(np.uint8)),
        ("quality_noisy", noisy),
        ("quality_unsharp", blurred(0.015)),
        ("quality_small", lambda p: p[::9, ::9]),
        ("quality_field_small", lambda p: np.pad(p, 512)),
    ],
)
def test_each_fault_is_found(code: str, change: Callable[[Pixels], Pixels]) -> None:
    assert code in broken(of(change(film())))


def test_a_drawn_page_is_no_film() -> None:
    page = np.full((800, 600), 238, dtype=np.uint8)
    page[::40, 50:500] = 20
    assert broken(of(page))["quality_drawn"] is Verdict.POOR


@pytest.mark.slow
def test_a_black_border_is_not_underexposure() -> None:
    framed = np.pad(film(), 300)
    assert of(framed).black == pytest.approx(of(film()).black, abs=0.02)
    assert of(framed).field == pytest.approx(1024**2 / 1624**2, abs=0.01)


@pytest.mark.slow
def test_the_upper_corners_of_an_inverted_film_are_bright() -> None:
    assert of(film()).corners < 0 < of(255 - film()).corners


def test_depth_beyond_eight_bits_counts_as_levels() -> None:
    values = np.arange(256 * 256).reshape(256, 256).astype(np.int16) // 16
    pixels = (values // 128 * 8).clip(0, 255).astype(np.uint8)
    assert measure(pixels, values, (2048.0, 4096.0)).levels == 256
    assert of(pixels).levels < 64


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 2), (2048, 1), (17, 5)])
def test_any_shape_is_measured(shape: tuple[int, int]) -> None:
    found = of(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    assert found.longest == max(shape)
    assert 0 <= found.black <= 1
    assert found.sharpness >= 0
