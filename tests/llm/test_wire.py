from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radraft.core.errors import DraftingError
from radraft.llm.checkpoint import TOKENS_PER_IMAGE, WIDTH
from radraft.llm.profiles import Bounds, load_profile
from radraft.llm.wire import LONGEST_REPEAT, chat_body, report_schema, warm_up_body
from tests.llm.cases import make_request

STARTER = load_profile("starter")
PIXELS = load_profile("qwen3-vl-8b-instruct")


def test_embeds_are_tensors_of_the_models_width() -> None:
    import torch

    request = make_request(STARTER, images=2)
    body = json.loads(chat_body(request, STARTER, "starter"))
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_embeds", "image_embeds", "text"]
    tensor = torch.load(io.BytesIO(base64.b64decode(parts[0]["image_embeds"])), weights_only=True)
    assert tensor.shape == (TOKENS_PER_IMAGE, WIDTH)
    assert tensor.dtype == torch.bfloat16
    assert "影像报告" in parts[2]["text"]


def test_pixels_are_the_key_images_as_png() -> None:
    request = make_request(PIXELS)
    body = json.loads(chat_body(request, PIXELS, "qwen"))
    (part, _) = body["messages"][1]["content"]
    head, data = part["image_url"]["url"].split(",")
    assert head == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert np.array_equal(np.asarray(image), request.shown[0].pixels)


def test_an_adapter_is_asked_for_by_name() -> None:
    plain = json.loads(chat_body(make_request(STARTER), STARTER, "starter"))
    tuned = make_request(STARTER, adapter_id="zh-2")
    assert plain["model"] == "starter"
    assert json.loads(chat_body(tuned, STARTER, "starter"))["model"] == "zh-2"


def test_sampling_and_limits_come_from_the_profile() -> None:
    body = json.loads(chat_body(make_request(PIXELS), PIXELS, "m"))
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.0, 2048, True)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema == report_schema(PIXELS.bounds)
    assert schema["properties"]["findings"]["maxItems"] == 12


def test_the_warm_up_has_the_same_schema() -> None:
    body = json.loads(warm_up_body(STARTER, "starter"))
    assert body["max_tokens"] == 1
    assert body["response_format"]["json_schema"]["schema"] == report_schema(STARTER.bounds)


def patterns(bounds: Bounds) -> dict[str, str]:
    schema: dict[str, Any] = report_schema(bounds)
    properties = schema["properties"]["findings"]["items"]["properties"]
    return {lang: properties[lang]["pattern"] for lang in ("zh", "en")}


@pytest.mark.parametrize(
    ("lang", "text", "fits"),
    [
        ("zh", "右肺上叶见直径约1.5cm的结节，边界清晰。", True),
        ("zh", "PICC导管末端位于上腔静脉。", False),
        ("zh", "双肺清晰", False),
        ("zh", "双肺 清晰。", False),
        ("zh", "双肺<清晰。", False),
        ("en", "A 1.5 cm nodule, with clear margins, in the right upper lobe.", True),
        ("en", "No pneumothorax", False),
        ("en", 'No "pneumothorax".', False),
        ("en", "没有气胸.", False),
    ],
)
def test_what_a_sentence_may_hold(lang: str, text: str, fits: bool) -> None:
    assert bool(re.fullmatch(patterns(Bounds())[lang], text)) is fits


def test_sentences_are_bounded_and_no_repeat_is_too_long_to_compile() -> None:
    bounds = Bounds(zh_chars=80, en_chars=200)
    made = patterns(bounds)
    assert re.fullmatch(made["zh"], "肺" * 79 + "。")
    assert not re.fullmatch(made["zh"], "肺" * 80 + "。")
    assert re.fullmatch(made["en"], "A" * 199 + ".")
    assert not re.fullmatch(made["en"], "A" * 200 + ".")
    repeats = [int(most) for text in made.values() for most in re.findall(r",(\d+)\}", text)]
    assert max(repeats) <= LONGEST_REPEAT


def test_a_request_that_does_not_fit_the_profile_is_refused() -> None:
    cases = [
        (make_request(PIXELS), "draft_without_embeddings"),
        (make_request(STARTER, images=5), "draft_too_many_images"),
    ]
    for request, code in cases:
        with pytest.raises(DraftingError) as caught:
            chat_body(request, STARTER, "starter")
        assert caught.value.code == code
