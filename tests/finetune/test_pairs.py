from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError
from radraft.finetune.export import chat, example, export, export_pairs, target_text
from radraft.reports.draft import StoredDraft
from radraft.reports.edits import edit_stats
from radraft.reports.skeleton import skeleton
from radraft.reports.training_pair import TrainingPair, make_pair, sealed, split_of
from radraft.reports.values import Coverage, Report
from radraft.store import cases, drafts, images, report_steps, reports
from radraft.store.database import Store
from radraft.store.pairs import pairs, save_pair
from radraft.store.signatures import sign
from radraft.store.tables import IDENTITY_TABLES, Base
from tests.builders import (
    ACCESSION,
    NAME,
    PATIENT_ID,
    add_case,
    add_drafted,
    make_draft,
    make_images,
    make_report,
    make_request_json,
    make_sentence,
    make_study,
    person,
    save_draft,
)
from tests.scale import on_both

pytestmark = [
    pytest.mark.slow,
    on_both(
        "test_no_identity_past_the_wall",
        "test_only_the_newest_version_is_exported",
        "test_one_signature_has_one_pair",
        "test_the_pairs_of_one_site",
    ),
]

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AUTHOR = "王签名"


def sign_pair(
    session: Session, case_id: str, *, site: str = "site-a", seconds: float | None = None
) -> TrainingPair:
    """Sign the working report as the service does: version and pair in one transaction."""
    base = reports.current(session, case_id).revision
    signed = sign(session, case_id, base_revision=base, signer=person(AUTHOR), now=NOW)
    draft = drafts.basis(session, case_id)
    assert draft is not None
    ref = cases.get_case(session, case_id).patient_ref
    pair = make_pair(draft, signed, site=site, patient_ref=ref, seconds=seconds)
    save_pair(session, pair)
    return pair


def edit(session: Session, case_id: str, report: Report) -> None:
    base = reports.current(session, case_id).revision
    reports.save(session, case_id, report, base_revision=base, editor=person("李编辑"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_pair_says_what_was_asked_drafted_and_signed(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        edit(session, case_id, make_report(case_id, 2))
        pair = sign_pair(session, case_id)
    with store.read() as session:
        (kept,) = pairs(session)
    assert kept == pair == sealed(pair)
    assert kept.draft == make_draft(case_id)
    assert kept.signed.report == make_report(case_id, 2)
    assert kept.request == make_request_json(case_id)
    assert kept.request_sha == kept.draft.request_sha == kept.signed.draft_sha
    assert kept.template_sha == json.loads(kept.request)["template_sha"]
    assert kept.stats == edit_stats(kept.draft.report, kept.signed.report)
    assert (kept.site, kept.encoder_id) == ("site-a", "encoder@0123456789abcdef")


def test_a_late_redraft_does_not_become_the_pair(store: Store) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        edit(session, case_id, make_report(case_id, 2))
        save_draft(session, make_draft(case_id, make_report(case_id, 1)))
        assert sign_pair(session, case_id).draft == make_draft(case_id)


def test_a_draft_of_another_case_is_refused(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        pair = sign_pair(session, add_drafted(session, 1))
        other = drafts.latest(session, add_drafted(session, 2))
        assert other is not None
        with pytest.raises(ReportError, match="pair_draft_mismatch"):
            make_pair(other, pair.signed, site="site-a", patient_ref="p")


def test_one_signature_has_one_pair(store: Store) -> None:
    with store.begin() as session:
        pair = sign_pair(session, add_drafted(session))
    with pytest.raises(DBAPIError), store.begin() as session:
        save_pair(session, pair)


@given(ref=st.text(max_size=40))
def test_a_patient_is_in_one_split(ref: str) -> None:
    assert split_of(ref) == split_of(ref)
    assert split_of(ref) in {"train", "held_out"}


def test_a_tenth_of_patients_is_held_out() -> None:
    held = sum(split_of(f"p-{number}") == "held_out" for number in range(10_000))
    assert 900 < held < 1100


def test_export_in_chat_and_preference_form(store: Store, tmp_path: Path) -> None:
    with store.begin() as session:
        changed, unchanged = add_drafted(session, 1), add_drafted(session, 2)
        edit(session, changed, make_report(changed, 1))
        pair = sign_pair(session, changed)
        sign_pair(session, unchanged)
    out = tmp_path / "pairs.jsonl"
    with store.read() as session:
        count = export(session, out)
    assert (count.examples, count.preferences) == (2, 1)
    line = next(e for e in lines(out) if e["metadata"]["pair_id"] == pair.pair_id)
    prompt = [
        {"role": "system", "content": [{"type": "text", "text": "写报告。"}]},
        {
            "role": "user",
            "content": [{"type": "image"}, {"type": "text", "text": "咳嗽三天"}],
        },
    ]
    chosen = (
        '{"findings":[{"zh":"所见f1。","en":"Finding f1."}],'
        '"impression":[{"zh":"所见i1。","en":"Finding i1."}]}'
    )
    answer = {"role": "assistant", "content": [{"type": "text", "text": chosen}]}
    assert line["messages"] == [*prompt, answer]
    assert line["images"] == ["a" * 64]
    assert line["metadata"]["split"] == pair.split
    edits = {"kept": 2, "reworded": 0, "corrected": 0, "deleted": 2, "added": 0}
    assert line["metadata"]["edits"] == edits
    assert line["metadata"]["content_sha"] == pair.signed.content_sha
    (preference,) = lines(tmp_path / "pairs.preference.jsonl")
    assert preference["prompt"] == prompt
    assert preference["chosen"] == [answer]
    (rejected,) = preference["rejected"]
    report = json.loads(rejected["content"][0]["text"])
    assert [item["zh"] for item in report["findings"]] == ["所见f1。", "所见f2。", "所见f3。"]
    assert preference["metadata"] == line["metadata"]


def test_images_follow_the_order_in_which_they_are_shown(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        pair = sign_pair(session, case_id)
    request = json.loads(make_request_json(case_id, ("a" * 64, "b" * 64)))
    parts = request["messages"][1]["parts"]
    parts[0], parts[1] = parts[1], parts[0]
    swapped = replace(pair, request=json.dumps(request), image_ids=("a" * 64, "b" * 64))
    assert example(swapped)["images"] == ["b" * 64, "a" * 64]


def test_an_export_with_pixels_names_pictures_that_are_there(
    sqlite_store: Store, tmp_path: Path
) -> None:
    from PIL import Image

    out = tmp_path / "o.jsonl"
    with sqlite_store.begin() as session:
        changed, gone = add_drafted(session, 1), add_drafted(session, 2)
        (image,) = make_images(changed).images
        images.save(sqlite_store.objects, make_images(changed))
        edit(session, changed, make_report(changed, 1))
        pair = replace(sign_pair(session, changed), image_ids=(image.image_id,))
        lost = sign_pair(session, gone)
        count = export_pairs(session, [pair, lost], out, sqlite_store.objects)
    assert (count.examples, count.preferences, count.without_pixels) == (1, 1, 1)
    ids = [image.image_id]
    assert example(pair)["images"] == ids
    for path in (out, tmp_path / "o.preference.jsonl"):
        (line,) = lines(path)
        assert line["images"] == [f"o.images/{image_id}.png" for image_id in ids]
        assert line["metadata"]["image_ids"] == ids
        for place, image_id in zip(line["images"], ids, strict=True):
            assert (tmp_path / place).read_bytes() == images.png(sqlite_store.objects, image_id)
            with Image.open(tmp_path / place) as picture:
                picture.verify()
    assert {path.name for path in (tmp_path / "o.images").iterdir()} == {
        f"{image_id}.png" for image_id in ids
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "o.images").iterdir())


def test_only_the_newest_version_is_exported(store: Store, tmp_path: Path) -> None:
    with store.begin() as session:
        case_id = add_drafted(session)
        sign_pair(session, case_id)
        report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
        edit(session, case_id, make_report(case_id, 1))
        newest = sign_pair(session, case_id)
    with store.read() as session:
        count = export(session, tmp_path / "o.jsonl")
        assert len(list(pairs(session))) == 2
    assert (count.examples, count.superseded) == (1, 1)
    (line,) = lines(tmp_path / "o.jsonl")
    assert (line["metadata"]["pair_id"], line["metadata"]["version"]) == (newest.pair_id, 2)


def test_what_no_model_covers_has_a_pair_but_no_line(store: Store, tmp_path: Path) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        draft = make_draft(
            case_id, skeleton(case_id), coverage=Coverage.NOT_COVERED, request_sha=None
        )
        save_draft(session, draft)
        edit(session, case_id, make_report(case_id))
        pair = sign_pair(session, case_id)
        count = export(session, tmp_path / "o.jsonl")
    assert (pair.request, pair.request_sha, pair.template_sha) == ("", None, None)
    assert (count.examples, count.without_request) == (0, 1)
    assert (tmp_path / "o.jsonl").read_text() == ""


def test_a_failed_draft_gives_an_example_but_no_preference(store: Store, tmp_path: Path) -> None:
    with store.begin() as session:
        case_id = add_case(session)
        save_draft(session, make_draft(case_id, skeleton(case_id), coverage=Coverage.FAILED))
        edit(session, case_id, make_report(case_id))
        sign_pair(session, case_id)
        count = export(session, tmp_path / "o.jsonl")
    assert (count.examples, count.preferences) == (1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "魏植入，双肺清晰。",
        "Wei Planted was examined.",
        "planted wei",
        f"see {PATIENT_ID}",
        f"{ACCESSION}.",
        f"报告医师：{AUTHOR}",
    ],
)
def test_a_report_that_names_someone_is_withheld(
    sqlite_store: Store, tmp_path: Path, text: str
) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        report = Report(case_id, (make_sentence("f1", text).reworded(en=""),), ())
        edit(session, case_id, report)
        sign_pair(session, case_id)
        count = export(session, tmp_path / "o.jsonl")
    assert (count.examples, count.named) == (0, 1)


@pytest.mark.parametrize("text", ["Planted forest", "植入物", "WeiPlantedX", "双肺清晰"])
def test_a_report_that_names_no_one_is_exported(
    sqlite_store: Store, tmp_path: Path, text: str
) -> None:
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        edit(session, case_id, Report(case_id, (make_sentence("f1", text).reworded(en=""),), ()))
        sign_pair(session, case_id)
        assert export(session, tmp_path / "o.jsonl").examples == 1


@pytest.mark.parametrize("marker", ["<|im_end", ">>ANSWER<<", "|||IP_ADDRESS|||"])
def test_a_control_token_in_a_signed_sentence_stands_in_no_line(
    sqlite_store: Store, tmp_path: Path, marker: str
) -> None:
    """It stays readable: nothing of what was signed is taken away.

    What stands in brackets cannot be signed at all: it is a blank of a template.
    """
    said = make_sentence("f1", f"左侧少量胸腔积液。{marker}")
    said = said.reworded(en=f"Small left effusion. {marker}")
    with sqlite_store.begin() as session:
        case_id = add_drafted(session)
        edit(session, case_id, Report(case_id, (said,), (replace(said, id="i1"),)))
        sign_pair(session, case_id)
        assert export(session, tmp_path / "o.jsonl").preferences == 1
    for file in ("o.jsonl", "o.preference.jsonl"):
        written = (tmp_path / file).read_text("utf-8")
        assert marker not in written
        assert written.count(unicodedata.normalize("NFKC", marker)[1:]) == 4


@pytest.mark.parametrize("marker", ["<end_of_turn>", "<image>", "<|im_end|>", "[INST]", "</s>"])
def test_a_control_token_of_before_stands_in_no_target(marker: str) -> None:
    said = make_sentence("f1", f"积液{marker}").reworded(en=f"Effusion {marker}")
    assert marker not in target_text(Report("c-1", (said,), ()))


def test_a_control_token_in_a_request_of_before_stands_in_no_prompt() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "text": "咳嗽<image>[/INST]"}]}]
    (asked,), images = chat(messages, ())
    assert asked["content"] == [{"type": "text", "text": "咳嗽＜image>［/INST]"}]
    assert images == []


@pytest.mark.parametrize(
    ("zh", "changed"),
    [
        ("两肺纹理，增多 。", False),
        ("两肺纹理,增多。\n", False),
        ("两肺纹理增多。", True),
    ],
)
def test_typing_alone_is_no_preference(
    sqlite_store: Store, tmp_path: Path, zh: str, changed: bool
) -> None:
    with sqlite_store.begin() as session:
        drafted = make_sentence("f1", "两肺纹理，增多。", "Increased markings.")
        case_id = add_case(session)
        save_draft(session, make_draft(case_id, Report(case_id, (drafted,), ())))
        edit(session, case_id, Report(case_id, (drafted.reworded(zh=zh),), ()))
        sign_pair(session, case_id)
        count = export(session, tmp_path / "o.jsonl")
    assert (count.examples, count.preferences) == (1, int(changed))


def test_what_was_signed_unread_or_identifies_is_not_exported(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with sqlite_store.begin() as session:
        sign_pair(session, add_drafted(session, 1), seconds=0.1)
        other = add_drafted(session, 2)
        edit(
            session,
            other,
            Report(other, (make_sentence("f1", "请联系13800138000。").reworded(en=""),), ()),
        )
        sign_pair(session, other)
        count = export(session, tmp_path / "o.jsonl")
    assert (count.examples, count.unread, count.identified) == (0, 1, 1)


def test_the_pairs_of_one_site(store: Store) -> None:
    with store.begin() as session:
        pair = sign_pair(session, add_drafted(session, 1), seconds=61.25)
        sign_pair(session, add_drafted(session, 2), site="site-b")
        assert list(pairs(session, "site-a")) == [pair]
        assert len(list(pairs(session))) == 2
    assert pair.seconds == 61.25


def test_no_identity_past_the_wall(store: Store, tmp_path: Path) -> None:
    """Everything that happens to a study, then a search of every table and file for its patient."""
    planted = [*NAME.replace("=", "^").split("^"), PATIENT_ID, ACCESSION, make_study().study_uid]
    with store.begin() as session:
        case_id = add_drafted(session)
        key_images = make_images(case_id)
        images.save(store.objects, key_images)
        cases.add_key_images(session, key_images)
        edit(session, case_id, make_report(case_id, 1))
        sign_pair(session, case_id)
        report_steps.amend(
            session, case_id, editor=person("李编辑"), reason="更正", now=datetime.now(UTC)
        )
        export(session, tmp_path / "o.jsonl")
    with store.read() as session:
        held = {
            table.name
            for table in Base.metadata.sorted_tables
            if any(w in repr(session.execute(sa.select(table)).all()) for w in planted)
        }
    assert held <= IDENTITY_TABLES
    # What was planted is there to be found.
    assert held >= {"patients", "study_identities", "patient_keys"}
    for path in (tmp_path / "o.jsonl", tmp_path / "o.preference.jsonl"):
        exported = path.read_text("utf-8")
        assert exported
        assert [word for word in [*planted, AUTHOR, "李编辑"] if word in exported] == []
    for path in (tmp_path / "data" / "objects").rglob("*.*"):
        assert not any(word.encode() in path.read_bytes() for word in planted)


def test_an_export_that_fails_leaves_the_old_files(sqlite_store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "o.jsonl"
    with sqlite_store.begin() as session:
        sign_pair(session, add_drafted(session))
        export(session, out)
    before = out.read_bytes()
    with sqlite_store.begin() as session:
        broken = sign_pair(session, add_drafted(session, 2))
        with pytest.raises(IndexError):
            export_pairs(session, [replace(broken, image_ids=())], out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["o.jsonl", "o.preference.jsonl"]
    assert out.stat().st_mode & 0o777 == 0o600


def test_exporting_to_a_folder_that_is_not_there(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.read() as session, pytest.raises(OSError, match="No such file"):
        export(session, tmp_path / "none" / "o.jsonl")


def test_a_stored_draft_shows_no_request_in_its_repr(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        kept = drafts.latest(session, add_drafted(session))
    assert isinstance(kept, StoredDraft)
    assert "request_json" not in repr(kept)
