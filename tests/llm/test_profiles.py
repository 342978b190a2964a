from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core import canonical
from radraft.core.errors import DraftingError, SettingsError
from radraft.llm import profiles
from radraft.llm.checkpoint import starter_hash
from radraft.llm.pins import Pins
from radraft.llm.profiles import (
    COMMIT as COMMIT_FORM,
    HubCheckpoint,
    Profile,
    Task,
    load_profile,
    names,
)
from radraft.llm.starter_model import PROFILES
from radraft.studies.values import View

PROFILE = """
name: mine
checkpoint: {kind: path, path: PATH}
image_way: pixels
chat_format: model
template: instruct
languages: [zh, en]
covers: [{modality: DX, body_part: "", view: frontal}]
context_tokens: 4096
answers: written
notice: {zh: 仅供研究。, en: Research use only.}
"""


LOCAL = "{kind: path, path: PATH}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = f"{{kind: hub, id: some/model, revision: {COMMIT}}}"
BAD_HUBS = (
    "{kind: hub, id: some/model, revision: main}",
    "{kind: hub, id: some/model, revision: v1.0}",
    PINNED.replace(COMMIT, COMMIT[:12]),
    PINNED.replace(COMMIT, COMMIT.upper()),
    PINNED.replace("}", ", pinned: false}"),
)
"""Neither a commit nor plainly said to be none, or both."""
PINS = "{" + ", ".join(f"{name}: {'f' * 64}" for name in Pins.model_fields) + "}"


def write(folder: Path, text: str = PROFILE) -> str:
    weights = folder / "weights"
    weights.mkdir(exist_ok=True)
    path = folder / "mine.yaml"
    path.write_text(text.replace("PATH", str(weights)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("low", ["0.31", "0.6"])
def test_support_that_does_not_tell_right_from_wrong_sets_no_limit(
    tmp_path: Path, low: str
) -> None:
    support = f"support: {{least: 1.5, auroc_low: {low}}}\n"
    with pytest.raises(SettingsError) as caught:
        load_profile(write(tmp_path, PROFILE + support))
    assert "support.auroc_low" in caught.value.message_en
    with pytest.raises(SettingsError):
        load_profile(write(tmp_path, PROFILE + "support: {least: 1.5}\n"))
    told = load_profile(write(tmp_path, PROFILE + support.replace(low, "0.71")))
    assert told.support is not None and told.support.least == 1.5


def test_the_ready_profiles_load() -> None:
    assert set(names()) == {
        "starter",
        "starter2",
        "medgemma-4b-it",
        "medgemma-1.5-4b-it",
        "qwen3-vl-4b-instruct",
        "qwen3-vl-8b-instruct",
        "lingshu-7b",
        "internvl3.5-8b",
        "qwen3-8b-embeds",
    }
    for name in names():
        profile = load_profile(name)
        assert profile.name == name
        assert "研究" in profile.notice.zh
        assert "esearch" in profile.notice.en
        assert profile.not_run_here == (name not in PROFILES.values())
    assert load_profile("starter").answers == "quoted"


@pytest.mark.parametrize(
    ("modality", "body_part", "view", "covered"),
    [
        ("CR", "CHEST", View.FRONTAL, True),
        ("dx", " chest ", View.FRONTAL, True),
        ("CR", "CHEST", View.LATERAL, False),
        ("CR", "", View.FRONTAL, False),
        ("CR", "ABDOMEN", View.FRONTAL, False),
        ("CT", "CHEST", View.NONE, False),
    ],
)
def test_what_the_starter_covers(modality: str, body_part: str, view: View, covered: bool) -> None:
    assert load_profile("starter").covers(modality, body_part, view) is covered


def test_an_empty_body_part_is_covered_only_where_listed(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path))
    assert profile.covers("DX", "", View.FRONTAL)
    assert not profile.covers("DX", "CHEST", View.FRONTAL)


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("image_way: pixels", "image_way: both", "image_way"),
        ("context_tokens: 4096", "context_tokens: '4096'", "context_tokens"),
        ("answers: written", "answers: written\ntrust_remote_code: true", "trust_remote_code"),
        ("view: frontal", "view: sideways", "covers.0.view"),
        ("context_tokens: 4096", "context_tokens: 1000", "file"),
        ("kind: path", "kind: hub", "checkpoint.hub"),
        *((LOCAL, hub, "checkpoint.hub (revision must be a commit") for hub in BAD_HUBS),
        ("name: mine", "name: [", "file"),
        ("answers: written", f"answers: written\nweights: {PINS}", "file"),
        ("answers: written", "answers: written\nweights: {encoder: abc}", "weights.encoder"),
        ("checkpoint: {kind: path, path: PATH}", "checkpoint: {kind: starter}", "file"),
    ],
)
def test_names_the_fields_that_cannot_be_used(
    tmp_path: Path, old: str, new: str, fields: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_profile(write(tmp_path, PROFILE.replace(old, new)))
    assert caught.value.code == "profile_invalid"
    assert fields in str(caught.value.details["fields"])


def test_support_is_a_number_or_not_measured(tmp_path: Path) -> None:
    assert load_profile(write(tmp_path)).support is None
    support = "support: {least: -0.5, auroc_low: 0.65}\n"
    limited = load_profile(write(tmp_path, PROFILE + support)).support
    assert limited is not None
    assert limited.least == -0.5
    for wrong in ("{}", "{least: .nan}", "{least: '1'}", "{least: 1.0, most: 2.0}"):
        with pytest.raises(SettingsError) as caught:
            load_profile(write(tmp_path, PROFILE + f"support: {wrong}\n"))
        assert caught.value.code == "profile_invalid"


def test_unknown_profile_lists_the_known() -> None:
    with pytest.raises(SettingsError) as caught:
        load_profile("gpt")
    assert caught.value.code == "profile_not_found"
    assert "starter" in caught.value.message_zh


def test_model_id_tells_checkpoints_apart(tmp_path: Path) -> None:
    assert load_profile("starter").model_id == f"starter@{starter_hash()}"
    assert load_profile("medgemma-4b-it").model_id == "medgemma-4b-it@unpinned"
    path = write(tmp_path)
    profile = load_profile(path)
    before = (profile.model_id, profile.profile_hash)
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"new")
    after = load_profile(path)
    assert before[0] != after.model_id
    assert before[1] != after.profile_hash


def test_the_starters_longest_report_ends_within_its_tokens() -> None:
    profile = load_profile("starter")
    bounds = profile.bounds
    assert (bounds.findings, bounds.impression) == (8, 3)
    assert (bounds.zh_chars, bounds.en_chars) == (40, 120)
    pairs = bounds.findings + bounds.impression
    assert pairs * (3 * bounds.zh_chars + bounds.en_chars + 12) <= profile.sampling.max_tokens


def test_weights_other_than_pinned_are_refused(tmp_path: Path) -> None:
    pinned = load_profile("starter").weights
    assert pinned is not None
    with pytest.raises(DraftingError) as caught:
        starter_with(tmp_path, pinned.heads, "f" * 64).check_weights()
    assert caught.value.code == "starter_weights_changed"
    assert "heads.safetensors" in caught.value.message_en


def test_a_missing_checkpoint_folder_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "weights").rmdir()
    with pytest.raises(SettingsError) as caught:
        _ = load_profile(path).model_id
    assert caught.value.code == "checkpoint_not_found"


def test_no_ready_profile_calls_a_branch_pinned() -> None:
    for name in names():
        checkpoint = load_profile(name).checkpoint
        if isinstance(checkpoint, HubCheckpoint):
            assert checkpoint.pinned == bool(COMMIT_FORM.fullmatch(checkpoint.revision))
        # One with a projector is known by its content, so its files must be there.
        if isinstance(checkpoint, HubCheckpoint) and load_profile(name).projector is None:
            assert load_profile(name).model_id.endswith("@unpinned") != checkpoint.pinned


def test_a_pinned_hub_model_is_known_by_its_commit(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, PROFILE.replace(LOCAL, PINNED)))
    assert profile.model_id == f"mine@{COMMIT[:16]}"
    other = PINNED.replace(COMMIT, COMMIT[::-1])
    again = load_profile(write(tmp_path, PROFILE.replace(LOCAL, other)))
    assert again.model_id != profile.model_id
    assert again.profile_hash != profile.profile_hash


def test_adapters_of_before_are_still_of_the_same_base(tmp_path: Path) -> None:
    path = write(tmp_path)
    weights = tmp_path / "weights"
    (weights / "model.safetensors").write_bytes(b"weights")
    # Names, sizes and times: how a local folder was known.
    at = (weights / "model.safetensors").stat()
    former = canonical.sha256([["model.safetensors", at.st_size, at.st_mtime_ns]])[:16]
    profile = load_profile(path)
    assert profile.is_base(profile.model_id)
    assert profile.is_base(f"mine@{former}")
    assert not profile.is_base("mine")
    (weights / "model.safetensors").write_bytes(b"others!")
    assert not load_profile(path).is_base(f"mine@{former}")
    hub = load_profile("medgemma-4b-it")
    assert hub.is_base("medgemma-4b-it") and hub.is_base("medgemma-4b-it@unpinned")
    assert not hub.is_base("qwen3-vl-8b-instruct")
    assert not load_profile("starter").is_base("starter")
    # The second edition has had fewer words since; nothing that adapters change is other.
    second = load_profile("starter2")
    assert second.model_id != "starter2@4554c3628c64f68d"
    assert second.is_base("starter2@4554c3628c64f68d")
    assert not second.is_base(load_profile("starter").model_id)


def written(folder: Path, tasks: str | None = None) -> Profile:
    """The profile above, with its tasks."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text("{}")
    text = PROFILE.replace("PATH", str(folder / "model"))
    path = folder / "mine.yaml"
    path.write_text(text + (f"tasks: {tasks}\n" if tasks else ""))
    return load_profile(str(path))


def test_a_profile_that_names_no_tasks_is_the_one_it_was(tmp_path: Path) -> None:
    old = written(tmp_path)
    assert old.tasks == (Task.DRAFT, Task.ANSWER)
    for tasks in ("[draft, answer]", "[answer, draft]"):
        assert written(tmp_path, tasks).profile_hash == old.profile_hash
    assert written(tmp_path, "[draft, answer, verify]").profile_hash != old.profile_hash


def test_a_model_drafts_only_where_its_profile_lets_it(tmp_path: Path) -> None:
    assert written(tmp_path).covers("DX", "", View.FRONTAL)
    assert not written(tmp_path, "[translate, answer]").covers("DX", "", View.FRONTAL)


@pytest.mark.parametrize("tasks", ["[]", "[draft, draft]", "[write]", "draft"])
def test_tasks_that_are_none_are_refused(tmp_path: Path, tasks: str) -> None:
    with pytest.raises(SettingsError, match="profile_invalid"):
        written(tmp_path, tasks)


def test_the_base_has_two_names_and_one_hash(tmp_path: Path) -> None:
    old = load_profile(write(tmp_path))
    new = load_profile(write(tmp_path, PROFILE.replace("checkpoint:", "base:")))
    assert (new.model_id, new.profile_hash) == (old.model_id, old.profile_hash)
    with pytest.raises(SettingsError) as caught:
        load_profile(write(tmp_path, PROFILE.replace(f"checkpoint: {LOCAL}", "base: {kind: hub}")))
    assert "base.hub.id" in str(caught.value.details["fields"])


def test_the_first_edition_is_the_starter_of_before_there_were_any() -> None:
    """Drafts, adapters and gate records name it so; computed by the release before."""
    starter = load_profile("starter")
    assert starter.model_id == "starter@be5fc0f0980d0e47"
    assert starter.profile_hash == (
        "00131184101dbb7cf9f90de18b0cd52a116c23dfbe4534f06bf995b21178352b"
    )


def test_a_profile_that_says_the_first_edition_is_the_one_that_says_none(tmp_path: Path) -> None:
    said = starter_with(tmp_path, "{kind: starter}", "{kind: starter, edition: 1}")
    assert said.profile_hash == load_profile("starter").profile_hash


def test_another_edition_is_another_model(tmp_path: Path) -> None:
    second = load_profile("starter2")
    assert second.edition == 2 and load_profile("qwen3-8b-embeds").edition == 1
    renamed = second.model_copy(update={"name": "starter"})
    assert renamed.profile_hash != load_profile("starter").profile_hash
    for ours, theirs in (("starter", "starter2"), ("starter2", "starter")):
        assert not load_profile(ours).is_base(load_profile(theirs).model_id)


def starter_with(folder: Path, old: str, new: str, name: str = "starter") -> Profile:
    """The ready profile `name`, changed, from a file of its own."""
    text = (Path(profiles.__file__).parent / "profiles" / f"{name}.yaml").read_text("utf-8")
    assert old in text
    (folder / "site.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return load_profile(str(folder / "site.yaml"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("starter", "{kind: starter}", "{kind: starter, edition: 2}"),
        ("starter2", "edition: 2}", "edition: 1}"),
        ("starter2", "edition: 2}", "edition: 3}"),
        ("starter2", "edition: 2}", "edition: '2'}"),
    ],
)
def test_an_edition_comes_with_its_own_pins(tmp_path: Path, name: str, old: str, new: str) -> None:
    """The first has a text tower, the second none; there are two."""
    with pytest.raises(SettingsError) as caught:
        starter_with(tmp_path, old, new, name)
    assert caught.value.code == "profile_invalid"


def test_profiles_of_before_have_the_hash_they_had(tmp_path: Path) -> None:
    """As stored with evaluations and gate records; computed by the release before."""
    profile = load_profile(write(tmp_path, PROFILE.replace(LOCAL, PINNED)))
    assert profile.profile_hash == (
        "bf88f34ccc5e8fffc45ce4ef1b1a403b99d0397d479e60b0115212bf817d9ad7"
    )


def test_what_is_told_of_a_model_changes_nothing_that_is_served(tmp_path: Path) -> None:
    plain = load_profile(write(tmp_path))
    told = load_profile(write(tmp_path, f"{PROFILE}licence: MIT\nnot_run_here: true\n"))
    assert told.profile_hash == plain.profile_hash


PROJECTOR = PROFILE.replace("image_way: pixels", "image_way: embeds") + "projector: {parts: 4}\n"


@pytest.mark.parametrize(
    "text",
    [
        PROFILE + "projector: {parts: 4}\n",
        PROFILE + "encoder: {folder: a}\n",
        PROFILE.replace("pixels", "embeds") + "trained: run\n",
        PROJECTOR + "encoder: {folder: a, model: ViT-B-16}\n",
        PROJECTOR.replace("parts: 4", "parts: 0"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_profile(write(tmp_path, text))
    assert caught.value.code == "profile_invalid"


def test_relative_paths_start_at_the_profiles_folder(tmp_path: Path) -> None:
    text = PROJECTOR.replace("template: instruct", "template: my/prompt.yaml")
    own = load_profile(write(tmp_path, f"{text}trained: run\nencoder: {{folder: ../vit}}\n"))
    assert own.template == str(tmp_path / "my" / "prompt.yaml")
    assert own.trained == str(tmp_path / "run")
    assert own.encoder is not None and own.encoder.folder == str(tmp_path / ".." / "vit")


def test_a_prompt_by_its_path_counts_by_its_content(tmp_path: Path) -> None:
    from radraft.prompts import templates

    text = PROFILE.replace("template: instruct", "template: prompt.yaml")
    ready = Path(templates.__file__).parent / "templates" / "instruct.yaml"
    prompt = ready.read_text("utf-8").replace("id: instruct", "id: other")
    hashes = []
    for folder, words in (("a", prompt), ("b", prompt), ("c", prompt.replace("draft", "first"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "prompt.yaml").write_text(words, encoding="utf-8")
        profile = load_profile(write(tmp_path / folder, text.replace("PATH", str(tmp_path / "w"))))
        (tmp_path / "w").mkdir(exist_ok=True)
        hashes.append(profile.profile_hash)
    assert hashes[0] == hashes[1] != hashes[2]
    assert templates.load_template(profile.template).template_id == "other/2"


def test_a_base_whose_content_is_pinned_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"weights")
    content = load_profile(path).checkpoint_hash
    pinned = PROFILE.replace("path: PATH", f"path: PATH, content: {content}")
    load_profile(write(tmp_path, pinned)).check_weights()
    assert load_profile(write(tmp_path, pinned)).profile_hash == load_profile(path).profile_hash
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"others!")
    with pytest.raises(SettingsError) as caught:
        load_profile(write(tmp_path, pinned)).check_weights()
    assert caught.value.code == "checkpoint_changed"
    assert caught.value.details["expected"] == content


def test_an_adapters_drafts_have_a_notice_of_their_own() -> None:
    second, first = load_profile("starter2"), load_profile("starter")
    assert second.notice_adapted is not None
    assert second.notice_of(None) == second.notice
    assert second.notice_of("a-0123456789abcdef") == second.notice_adapted
    assert first.notice_of("a-0123456789abcdef") == first.notice
