"""Model profiles: everything that differs between one model and another, as data.

A profile is a YAML file, by name from `llm/profiles/` or by path from the hospital's own folder.
Relative paths of a template, an encoder and what was trained start at the profile's own folder.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator

from radraft.core import canonical
from radraft.core.errors import SettingsError
from radraft.core.yaml_files import Strict, YamlFolder
from radraft.llm import text_base
from radraft.llm.checkpoint import starter_hash, whole_starter_hash
from radraft.llm.pins import WITH_TEXT_TOWER, WITH_VOCABULARY, Pins, check, files
from radraft.llm.weights_hash import folder_hash, former_folder_hash
from radraft.prompts.templates import SUFFIX, load_template
from radraft.studies.values import View
from radraft.vision_encoder.shipped import Edition
from radraft.vision_encoder.source import EncoderSource

READY = YamlFolder(
    "radraft.llm",
    "profiles",
    SettingsError,
    label="profile",
    missing="profile_not_found",
    invalid="profile_invalid",
)


def load_profile(name_or_path: str) -> Profile:
    """Return the profile `name_or_path`: a name such as `starter`, or the path of a YAML file.

    Raises SettingsError `profile_not_found`, or `profile_invalid` naming the fields to correct.
    """
    profile = READY.load(Profile, name_or_path)
    if name_or_path in names():
        return profile
    return profile.beside(Path(name_or_path).expanduser().parent)


def names() -> tuple[str, ...]:
    """Return the names of the ready profiles."""
    return READY.names()


class StarterCheckpoint(Strict):
    """The checkpoint that `radraft.llm.checkpoint` builds."""

    kind: Literal["starter"]
    edition: Edition = 1


Content = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""What the weights must be: 16 hex digits of `weights_hash.folder_hash`, as `radraft profile check`
prints them."""


class LocalCheckpoint(Strict):
    """A checkpoint folder on this machine."""

    kind: Literal["path"]
    path: str = Field(min_length=1)
    content: Content | None = None


COMMIT = re.compile(r"[0-9a-f]{40}")
"""A commit of a hub's repository. Branches and tags can be moved to other weights."""


class HubCheckpoint(Strict):
    """A checkpoint of a model hub: of one commit, or of a branch or tag that is not pinned."""

    kind: Literal["hub"]
    id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(min_length=1)
    """40 hex digits of a commit; a branch or a tag only where `pinned` is false."""
    pinned: bool = True
    """False says plainly that the weights may change between two starts. `radraft doctor` and the
    drafts' `model_id` say so too."""
    content: Content | None = None

    @model_validator(mode="after")
    def _named_plainly(self) -> HubCheckpoint:
        if self.pinned != bool(COMMIT.fullmatch(self.revision)):
            raise ValueError(
                "revision must be a commit of 40 hex digits, or pinned: false must stand beside it"
            )
        return self


class Task(StrEnum):
    """What a model may be asked."""

    DRAFT = "draft"
    """A report from key images."""
    TRANSLATE = "translate"
    """A sentence into the site's other language."""
    IMPRESSION = "impression"
    """An impression from findings that a person wrote or confirmed."""
    ANSWER = "answer"
    """A question about a signed report; `Profile.answers` says how."""
    VERIFY = "verify"
    """Whether an image supports a sentence that it did not write."""


FIRST_TASKS = (Task.DRAFT, Task.ANSWER)
"""What every model was asked before profiles said so."""


class Covered(Strict):
    """One kind of study the model may draft. An empty `body_part` covers studies that name none."""

    modality: str = Field(pattern=r"^[A-Z]{2,4}$")
    body_part: str = Field(pattern=r"^[A-Z ]*$")
    view: View


class Bounds(Strict):
    """Limits of a report's size, enforced while it is being written."""

    findings: int = Field(default=8, ge=1, le=40)
    """Most sentences in findings; at least one is written."""
    impression: int = Field(default=4, ge=1, le=20)
    zh_chars: int = Field(default=80, ge=10, le=120)
    """Longest Chinese sentence, in characters."""
    en_chars: int = Field(default=200, ge=20, le=240)
    """Longest English sentence, in characters."""


class Sampling(Strict):
    """How tokens are chosen. Temperature 0 takes the likeliest and repeats itself exactly."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, le=2.0)
    max_tokens: int = Field(default=1024, ge=16)
    seed: int = 0


class Engine(Strict):
    """vLLM's own settings for this model."""

    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    max_num_seqs: int = Field(default=16, ge=1)
    max_images: int = Field(default=4, ge=1)
    """Most key images in one request."""
    max_loras: int = Field(default=2, ge=1)
    max_lora_rank: Literal[8, 16, 32, 64, 128, 256] = 16
    cpu_kv_cache_gib: int = Field(default=2, ge=1)
    gpu_memory_utilization: float = Field(default=0.85, gt=0.0, le=0.98)


class Support(Strict):
    """Image support below which a drafted sentence is marked rather than stated."""

    least: float = Field(allow_inf_nan=False)
    """Nats of the Chinese and the English sentence together; chosen on the validation set."""
    auroc_low: float = Field(gt=0.6, le=1)
    """Lower end of the 95% interval of the AUROC of support, right sentences against wrong ones, on
    held-out films (`bench/choose_support.py` prints it). Support that does not tell them apart
    marks sentences by chance: a profile with a lower one may have no limit."""


class ProjectorShape(Strict):
    """How images reach a language model that has no vision tower of its own: the encoder's tokens
    through two linear maps, from the encoder's width to the model's, both read from the weights."""

    parts: int = Field(ge=1, le=32)
    """Parts a side that an image is divided into: it takes 1 + parts * parts tokens."""
    image_token: str | None = Field(default=None, min_length=1)
    """A token of the base's vocabulary that stands for an image; None: the first of
    `text_base.IMAGE_TOKENS` that it has."""

    @property
    def tokens_per_image(self) -> int:
        """Return the tokens that an image takes in a prompt."""
        return 1 + self.parts**2


class Published(Strict):
    """What a model's published configuration says, for those who do not have its weights yet."""

    source: str = Field(pattern=r"^https://")
    parameters: float = Field(gt=0)
    """Billions; without the vision tower where that was not published."""
    layers: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    context_tokens: int = Field(ge=512)


class InBothLanguages(Strict):
    """One text, in Chinese and in English."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


PARTS = ("encoder", "projector", "trained", "lora_targets", "left_open", "notice_adapted")
"""Fields that a profile may leave out, and then is what it was before there were any."""
NOT_SERVED = ("licence", "not_run_here", "published")
"""Fields that change nothing of what is served."""


class Profile(Strict):
    """One model and how it is served, prompted and limited."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    checkpoint: Annotated[
        StarterCheckpoint | LocalCheckpoint | HubCheckpoint, Field(discriminator="kind")
    ] = Field(validation_alias=AliasChoices("checkpoint", "base"))
    """Written as `base`; `checkpoint` is what older files call it."""
    weights: Pins | None = None
    """The starter's shipped weights; another checkpoint has none."""
    image_way: Literal["embeds", "pixels"]
    """`embeds`: projected encoder tokens; `pixels`: PNG images to the model's own vision tower."""
    encoder: EncoderSource | None = None
    """The image encoder of `embeds`; None: the one that is shipped."""
    projector: ProjectorShape | None = None
    """Of `embeds` over a language model without a vision tower."""
    trained: str | None = Field(default=None, min_length=1)
    """Folder of `radraft train language`: the projector, and the LoRA that is merged into the base.
    None: nothing was trained yet, and the profile cannot draft."""
    lora_targets: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Linear layers that an adapter changes; None: those of the training recipe."""
    chat_format: Literal["model", "plain"]
    """`model`: the template that comes with the checkpoint; `plain`: radraft's, for base models."""
    template: str = Field(pattern=r"^[a-z0-9-]+$|\.yaml$")
    """Prompt template in `prompts/templates/`, or the path of one's YAML file."""
    priors: int = Field(default=0, ge=0, le=2)
    """Most earlier studies that go with a request: 0 for a model that was never taught to compare,
    and for one that takes embeddings."""
    languages: tuple[Literal["zh", "en"], ...] = Field(min_length=1)
    covered: tuple[Covered, ...] = Field(alias="covers")
    context_tokens: int = Field(ge=512)
    tasks: tuple[Task, ...] = Field(default=FIRST_TASKS, min_length=1)
    answers: Literal["quoted", "written"]
    """Follow-up answers: quoted from the report's sentences, or written by the model."""
    notice: InBothLanguages
    """What a reader of this model's drafts must know, shown beside every one."""
    notice_adapted: InBothLanguages | None = None
    """The same of drafts that a site's adapter over this model wrote; None: `notice`."""
    left_open: tuple[InBothLanguages, ...] | None = Field(default=None, min_length=1)
    """Sentences with which the model was taught to leave a section to its reader; no part of a
    draft (`pipeline/denials.py`)."""
    bounds: Bounds = Bounds()
    sampling: Sampling = Sampling()
    support: Support | None = None
    """None: image support is not measured when a report is drafted."""
    vllm: Engine = Engine()
    licence: str | None = Field(default=None, min_length=1)
    """Of the base's weights: its name, and where it stands."""
    not_run_here: bool = False
    """True says that radraft's makers never ran this model."""
    published: Published | None = None

    @model_validator(mode="after")
    def _fits(self) -> Profile:
        if self.sampling.max_tokens >= self.context_tokens:
            raise ValueError("sampling.max_tokens must leave room for the prompt in context_tokens")
        if isinstance(self.checkpoint, StarterCheckpoint) != (self.weights is not None):
            raise ValueError("weights are pinned for the starter, and for nothing else")
        if self.weights is not None:
            shipped = self.edition in WITH_TEXT_TOWER
            if shipped != (self.weights.text is not None):
                raise ValueError("weights.text is pinned where the edition has a text tower")
            if (self.edition in WITH_VOCABULARY) != (self.weights.vocabulary is not None):
                raise ValueError("weights.vocabulary is pinned where the edition leaves words out")
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError("tasks names each task once")
        if self.priors and self.image_way != "pixels":
            raise ValueError("priors go only to models that take pixels")
        if self.projector is not None and (
            self.image_way != "embeds" or isinstance(self.checkpoint, StarterCheckpoint)
        ):
            raise ValueError("projector belongs to image_way embeds over a base of your own")
        if self.projector is None and (self.encoder is not None or self.trained is not None):
            raise ValueError("encoder and trained belong to a profile with a projector")
        return self

    @property
    def edition(self) -> Edition:
        """Return which of the shipped encoders, projectors and LoRAs it drafts with; the first for
        a base of its own, whose images the first one's encoder sees."""
        return self.checkpoint.edition if isinstance(self.checkpoint, StarterCheckpoint) else 1

    def notice_of(self, adapter_id: str | None) -> InBothLanguages:
        """Return what a reader must know of a draft that this adapter wrote, or the model alone."""
        return self.notice if adapter_id is None else self.notice_adapted or self.notice

    def beside(self, folder: Path) -> Profile:
        """Return the profile with the relative paths of its parts starting at `folder`."""
        changed: dict[str, object] = {}
        if self.template.endswith(SUFFIX):
            changed["template"] = _below(folder, self.template)
        if self.trained is not None:
            changed["trained"] = _below(folder, self.trained)
        if self.encoder is not None and self.encoder.folder is not None:
            where = _below(folder, self.encoder.folder)
            changed["encoder"] = self.encoder.model_copy(update={"folder": where})
        return self.model_copy(update=changed) if changed else self

    def covers(self, modality: str, body_part: str, view: View) -> bool:
        """Return whether the model may be asked for a draft of such a study. A body part that was
        not sent is only covered where the profile lists the empty one."""
        if Task.DRAFT not in self.tasks:
            return False
        wanted = (modality.strip().upper(), body_part.strip().upper(), view)
        return any((c.modality, c.body_part, c.view) == wanted for c in self.covered)

    def check_weights(self) -> None:
        """DraftingError `starter_weights_changed` unless the shipped weights, where the profile
        uses them, are the pinned ones; SettingsError `checkpoint_changed` unless the base's content
        is what the profile says, where it says so, and as `text_base.base_folder`."""
        if self.weights is not None:
            check(self.weights, files(self.edition))
        if isinstance(self.checkpoint, StarterCheckpoint) or self.checkpoint.content is None:
            return
        folder = text_base.base_folder(self)
        found = folder_hash(folder)
        if found != self.checkpoint.content:
            raise SettingsError(
                "checkpoint_changed",
                path=str(folder),
                expected=self.checkpoint.content,
                found=found,
            )

    @cached_property
    def profile_hash(self) -> str:
        """Canonical SHA-256 of the profile and, where they can be told by their content, of what it
        is built from. A prompt that is given by its path counts by its content too."""
        content = self.model_dump(mode="json", by_alias=True, exclude={*NOT_SERVED})
        # A profile that takes no earlier studies is the same as before there were any to take.
        if not self.priors:
            del content["priors"]
        # And so is one that may be asked what every model was, in whatever order it says so.
        content["tasks"] = sorted(content["tasks"])
        if content["tasks"] == sorted(FIRST_TASKS):
            del content["tasks"]
        # And one that names none of its parts.
        for name in PARTS:
            if content[name] is None:
                del content[name]
        # The first edition is the starter of before there were any, and without a text tower it
        # would be none.
        if content["checkpoint"].get("edition") == 1:
            del content["checkpoint"]["edition"]
        if self.weights is not None and self.weights.vocabulary is None:
            del content["weights"]["vocabulary"]
        # What the revision, or the hash of the content, says already.
        for name in ("pinned", "content"):
            content["checkpoint"].pop(name, None)
        if self.template.endswith(SUFFIX):
            content["template"] = load_template(self.template).sha
        return canonical.sha256({"profile": content, "checkpoint": self.checkpoint_hash})

    @cached_property
    def checkpoint_hash(self) -> str | None:
        """16 hex characters where radraft can tell the weights apart by their content; None for a
        hub's that vLLM loads by itself.

        For a language model that radraft gives its images they name base, encoder, projector and
        LoRA together: an adapter fits no other. SettingsError as `weights_hash.folder_hash` and
        `text_base.folder`; EncodingError of an encoder that is not there.
        """
        match self.checkpoint:
            case StarterCheckpoint():
                return starter_hash(self.edition)
            case _ if self.projector is not None:
                return text_base.content_hash(self)
            case LocalCheckpoint(path=path):
                return folder_hash(Path(path).expanduser())
            case HubCheckpoint():
                return None

    @cached_property
    def model_id(self) -> str:
        """`Draft.model_id`: the profile's name and which weights it is: 16 hex characters of their
        content or of the hub's commit, or `unpinned`."""
        match self.checkpoint:
            case HubCheckpoint(pinned=False) if self.projector is None:
                return f"{self.name}@unpinned"
            case HubCheckpoint(revision=commit) if self.projector is None:
                return f"{self.name}@{commit[:16]}"
            case _:
                return f"{self.name}@{self.checkpoint_hash}"

    @cached_property
    def _whole_model_id(self) -> str | None:
        """`model_id` of the starter's edition before it left words out; None where it did not.
        Kept: each draft that an adapter of another base is not for asks for it."""
        if self.edition not in WITH_VOCABULARY:
            return None
        return f"{self.name}@{whole_starter_hash(self.edition)}"

    def is_base(self, model_id: str) -> bool:
        """Return whether an adapter whose base is `model_id` was trained on this model.

        Adapters of before weights were known by content or commit name their base as it was called
        then: by the profile's name alone for a hub's, by the files' times for a local folder. Those
        of an edition that left no words out fit it since: no adapter changes the table of words.
        """
        if model_id == self.model_id:
            return True
        if self.projector is not None:
            return False
        match self.checkpoint:
            case HubCheckpoint():
                return model_id == self.name
            case LocalCheckpoint(path=path):
                former = former_folder_hash(Path(path).expanduser())
                return former is not None and model_id == f"{self.name}@{former}"
            case StarterCheckpoint():
                return model_id == self._whole_model_id


def _below(folder: Path, path: str) -> str:
    """Return `path` as an absolute one, a relative one from `folder`."""
    return str((folder / Path(path).expanduser()).absolute())
