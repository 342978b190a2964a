"""Tags, rules and heads together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from radraft.core.errors import EncodingError
from radraft.pipeline.encoders import StoredFeatures
from radraft.store.objects import Objects
from radraft.studies.decode import Decoder
from radraft.studies.key_images import from_picture
from radraft.studies.quality import check, content
from radraft.studies.quality.content import shipped
from radraft.studies.quality.judge import judge
from radraft.studies.quality.values import StudyQuality, Verdict
from radraft.studies.values import KeyImages, Study
from radraft.vision_encoder import shipped as encoder_files
from radraft.vision_encoder.encode import Encoder
from tests.studies.quality.test_measure import Pixels, film
from tests.studies.quality.test_series import slices, study
from tests.studies.quality.test_tags import good, image, technique

pytestmark = pytest.mark.slow

Floats = npt.NDArray[np.float32]
DEMO = Path(__file__).parents[3] / "demo" / "studies"


@dataclass(frozen=True)
class Told:
    """What an encoder might see: `rows`, one for each image."""

    rows: Floats
    encoder_id: str = ""

    def extract(self, images: KeyImages) -> Floats:
        assert len(images.images) == len(self.rows)
        return self.rows


def told(*names: Mapping[str, float]) -> Told:
    """Features of an ordinary film, pushed towards what is named."""
    heads = shipped()
    width = heads.tensors["whole.weight"].shape[1]
    rows = []
    for pushes in names:
        row = np.tile(heads.tensors["mean"], 4)
        # Four equal quarters are no film: what depends on sides is put right first.
        for name, strength in {"cut:cut": -8.0, "mirrored:mirrored": -8.0, **pushes}.items():
            of, place = next((k, ids.index(name)) for k, ids in heads.ids.items() if name in ids)
            weight = heads.tensors[f"{of}.weight"][place]
            whole = np.tile(weight, 4) if len(weight) == width else weight
            row = row + strength * whole / (weight @ weight)
        rows.append(row)
    return Told(np.array(rows, dtype=np.float32), heads.encoder_id)


def images(*pictures: Pixels) -> KeyImages:
    return KeyImages("c-1", tuple(map(from_picture, pictures)))


def codes(found: StudyQuality) -> dict[str, Verdict]:
    return {reason.code: reason.severity for reason in found.reasons}


def judged(pushes: Sequence[Mapping[str, float]] = ({},), of: Study | None = None) -> StudyQuality:
    """One ordinary film each, of which the encoder sees `pushes`."""
    return judge(check(of or good()), images(*[film()] * len(pushes)), told(*pushes))


def test_a_film_is_good_by_rules_and_by_heads() -> None:
    by_rules = judge(check(good()), images(film()))
    assert (by_rules.verdict, by_rules.reasons, by_rules.heads) == (Verdict.GOOD, (), None)
    by_heads = judged()
    assert (by_heads.verdict, by_heads.reasons) == (Verdict.GOOD, ())
    assert by_heads.heads == shipped().sha256
    assert by_heads.images[0].scores["frontal"] > 0.9
    assert by_heads.images[0].scores["strangeness"] < 1


def test_the_heads_belong_to_the_shipped_encoder() -> None:
    assert shipped().encoder_id == encoder_files.encoder_id()
    found = judge(
        check(good()), images(film()), replace(told({"content:other": 50}), encoder_id="x")
    )
    assert (found.verdict, found.heads, found.images[0].scores) == (Verdict.GOOD, None, {})
    with pytest.raises(EncodingError) as error:
        judge(
            check(good()), images(film()), Told(np.zeros((1, 8), np.float32), shipped().encoder_id)
        )
    assert error.value.code == "heads_width"


@pytest.mark.parametrize(
    ("push", "code", "verdict"),
    [
        ({"content:other": 40}, "quality_not_chest", Verdict.REFUSE),
        ({"content:slice": 40}, "quality_not_chest", Verdict.REFUSE),
        ({"turn:90": 40}, "quality_turned", Verdict.POOR),
        ({"inverted:inverted": 40}, "quality_inverted", Verdict.POOR),
        ({"cut:cut": 40}, "quality_lungs_cut", Verdict.POOR),
        ({"mirrored:mirrored": 40}, "quality_mirrored", Verdict.USABLE),
        ({"content:lateral": 40}, "quality_view_contradicts", Verdict.USABLE),
    ],
)
def test_what_the_embedding_says(push: dict[str, float], code: str, verdict: Verdict) -> None:
    found = judged([push])
    assert codes(found)[code] is verdict
    assert found.verdict is verdict


def test_what_is_unlike_all_films() -> None:
    heads = shipped()
    strange = np.random.default_rng(0).normal(0, 3, heads.tensors["mean"].shape)
    row = np.tile(heads.tensors["mean"] + strange * heads.tensors["scale"], 4)
    extractor = Told(row[None].astype(np.float32), heads.encoder_id)
    assert (
        codes(judge(check(good()), images(film()), extractor))["quality_unfamiliar"] is Verdict.POOR
    )


def test_what_does_not_say_that_it_is_a_chest_is_not_refused() -> None:
    found = judged([{"content:other": 40}], good(body_part="", description=""))
    assert codes(found)["quality_not_chest"] is Verdict.POOR
    knee = technique(good(body_part="KNEE", description=""), laterality="L")
    assert judged([{"content:other": 40}], knee).verdict is Verdict.GOOD


def test_a_lateral_that_is_tagged_so_is_no_contradiction() -> None:
    lateral = image(good(), view_position="LL")
    assert judged([{"content:lateral": 40}], lateral).reasons == ()
    assert "quality_view_contradicts" in codes(judged([{}], lateral))


def test_a_study_is_as_good_as_its_best_image() -> None:
    found = judged([{}, {"turn:180": 40}])
    assert [one.verdict for one in found.images] == [Verdict.GOOD, Verdict.POOR]
    assert found.verdict is Verdict.USABLE
    assert judged([{"turn:90": 40}, {"turn:180": 40}]).verdict is Verdict.POOR


def test_a_poor_header_makes_no_image_worse() -> None:
    found = judged([{}], good(age_years=None))
    assert (found.verdict, found.images[0].verdict) == (Verdict.USABLE, Verdict.GOOD)


def test_rules_find_bad_pixels_without_an_encoder() -> None:
    assert judge(check(good()), images(np.full((600, 500), 90, np.uint8))).verdict is Verdict.POOR
    air = film()
    air[:200, :200] = air[:200, -200:] = 4
    inverted = judge(check(good()), images(255 - air))
    assert codes(inverted) == {"quality_inverted_rule": Verdict.USABLE}


def test_slices_are_judged_by_their_series_alone() -> None:
    blank = np.zeros((64, 64), np.uint8)
    whole = study(slices([5.0 * n for n in range(50)]))
    found = judge(check(whole), images(blank), told({"content:other": 40}))
    assert (found.verdict, found.heads) == (Verdict.GOOD, None)
    thick = study(slices([5.0 * n for n in range(50)], thickness=11.0))
    assert judge(check(thick), images(blank)).verdict is Verdict.POOR


def test_no_image_is_no_reason() -> None:
    assert judge(check(good()), KeyImages("c-1", ()), told()).verdict is Verdict.GOOD


def test_quarters_of_tokens() -> None:
    tokens = np.arange(2 * 64 * 3, dtype=np.float32).reshape(2, 64, 3)
    found = content.features(tokens)
    grid = tokens.reshape(2, 8, 8, 3)
    assert found.shape == (2, 12)
    assert found[0, 3:6] == pytest.approx(grid[0, :4, 4:].mean((0, 1)))
    assert content.whole(found) == pytest.approx(tokens.mean(axis=1))


@pytest.mark.slow
def test_real_films_and_what_is_none(tmp_path: Path) -> None:
    extractor = StoredFeatures(Encoder.load(), Objects.open("", tmp_path / "objects"))

    def verdict(picture: Pixels) -> StudyQuality:
        return judge(check(good()), images(np.ascontiguousarray(picture)), extractor)

    with Decoder() as decoder:
        films = [decoder.frame(path, 0).pixels for path in sorted(DEMO.rglob("*.dcm"))[:4]]
    assert films
    for one in films:
        assert verdict(one).verdict in {Verdict.GOOD, Verdict.USABLE}
        for turns in (1, 2, 3):
            assert "quality_turned" in codes(verdict(np.rot90(one, turns)))
        assert "quality_inverted" in codes(verdict(255 - one))
    page = Image.new("L", (700, 500), 235)
    for place in range(12):
        page.paste(30, (40, 20 + 40 * place, 200 + 30 * place, 32 + 40 * place))
    assert verdict(np.asarray(page)).verdict is Verdict.REFUSE
