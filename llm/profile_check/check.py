"""Step by step through a profile: each part that it names, whether it fits, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from radraft.core import canonical
from radraft.core.errors import RadraftError, SettingsError
from radraft.core.settings import Settings
from radraft.llm import checkpoint, native_layers, text_base
from radraft.llm.profile_check import adapters, chat, facts, image_tokens, memory, prompt_length
from radraft.llm.profile_check.values import CheckedPart, Fit, ModelFacts, Part
from radraft.llm.profiles import HubCheckpoint, Profile, StarterCheckpoint
from radraft.llm.weights_hash import folder_hash
from radraft.prompts.templates import Template, load_template
from radraft.reports.values import LANGS
from radraft.vision_encoder import shipped
from radraft.vision_encoder.projector import Projector
from radraft.vision_encoder.source import locate


def check(profile: Profile, settings: Settings) -> tuple[CheckedPart, ...]:
    """Return what was found of each of the profile's parts, in one order. Asks no network and no
    GPU; weights are hashed, which takes some ten seconds for 16 GB the first time."""
    return tuple(_Check(profile, settings).all())


def serves(parts: tuple[CheckedPart, ...]) -> bool:
    """Return whether nothing is missing."""
    return all(part.fit is not Fit.MISSING for part in parts)


@dataclass(frozen=True)
class _Check:
    profile: Profile
    settings: Settings

    def all(self) -> Iterator[CheckedPart]:
        steps: list[tuple[Part, Callable[[], Iterator[CheckedPart]]]] = [
            (Part.WEIGHTS, self._weights),
            (Part.MEMORY, self._memory),
            (Part.CONTEXT, self._context),
            (Part.CHAT_TEMPLATE, self._chat_template),
            (Part.IMAGE_TOKENS, self._image_tokens),
            (Part.ENCODER, self._encoder),
            (Part.PROJECTOR, self._projector),
            (Part.PROMPT, self._prompt),
            (Part.LANGUAGES, self._languages),
            (Part.ADAPTERS, self._adapters),
            (Part.LICENCE, self._licence),
            (Part.STANDING, self._standing),
        ]
        told: set[str] = set()
        for part, step in steps:
            try:
                yield from step()
            except RadraftError as error:
                # What is not there is told once, not for everything that would be read from it.
                if error.message_en not in told:
                    told.add(error.message_en)
                    yield CheckedPart(part, Fit.MISSING, error.code, error.details)

    @cached_property
    def _folder(self) -> Path:
        """Where the base's files lie. SettingsError where they do not."""
        if isinstance(self.profile.checkpoint, StarterCheckpoint):
            folder = checkpoint.folder(self.settings.cache_dir, self.profile.edition)
            if not folder.is_dir():
                raise SettingsError("starter_not_built")
            return folder
        return text_base.base_folder(self.profile)

    @cached_property
    def _facts(self) -> ModelFacts:
        return facts.read(self._folder)

    @cached_property
    def _known(self) -> ModelFacts | None:
        """The facts as they are here, else as they were published."""
        try:
            return self._facts
        except SettingsError:
            published = self.profile.published
            return facts.of_published(published) if published else None

    @cached_property
    def _template(self) -> Template:
        return load_template(self.profile.template)

    def _weights(self) -> Iterator[CheckedPart]:
        known, named = self._facts, self.profile.checkpoint
        self.profile.check_weights()
        yield CheckedPart(
            Part.WEIGHTS,
            Fit.FITS,
            "profile_weights_here",
            {
                "path": str(self._folder),
                "content": folder_hash(self._folder),
                "gib": _gib(known.stored_bytes),
            },
        )
        if isinstance(named, HubCheckpoint) and not named.pinned:
            details = {"model": named.id, "revision": named.revision}
            yield CheckedPart(Part.WEIGHTS, Fit.UNSURE, "checkpoint_not_pinned", details)

    def _memory(self) -> Iterator[CheckedPart]:
        if self._known is None:
            yield CheckedPart(Part.MEMORY, Fit.UNSURE, "profile_memory_unknown")
            return
        profile, engine = self.profile, self.profile.vllm
        need = memory.needed(self._known, engine, profile.context_tokens)
        told = {
            "weights": _gib(need.weights),
            "kib": round(need.cache_token / 1024, 1),
            "least": _gib(need.least),
            "tokens": profile.context_tokens,
            "cache": _gib(need.cache_most),
            "drafts": engine.max_num_seqs,
        }
        yield CheckedPart(Part.MEMORY, Fit.FITS, "profile_memory", told)
        if self._known.folder is None and profile.published is not None:
            source = {"source": profile.published.source}
            yield CheckedPart(Part.MEMORY, Fit.UNSURE, "profile_memory_published", source)
        if not self.settings.llm_url:
            yield room(need, memory.machine(), profile)

    def _context(self) -> Iterator[CheckedPart]:
        profile, known = self.profile, self._known
        if known is not None and profile.context_tokens > known.context_tokens:
            raise SettingsError(
                "profile_context_too_long", asked=profile.context_tokens, most=known.context_tokens
            )
        images = profile.vllm.max_images
        folder = known.folder if known else None
        text = prompt_length.longest(self._template, profile.priors, images, folder)
        each = self._tokens_of_image()
        if each is None:
            yield CheckedPart(Part.CONTEXT, Fit.UNSURE, "profile_context_unknown")
            return
        answer = profile.sampling.max_tokens
        told: dict[str, int] = {
            "text": text.tokens,
            "images": images,
            "each": each,
            "answer": answer,
            "needed": text.tokens + images * each + answer,
            "most": profile.context_tokens,
        }
        if told["needed"] > profile.context_tokens:
            raise _short("profile_context_too_short", told)
        code = "profile_context" if text.counted else "profile_context_estimated"
        yield CheckedPart(Part.CONTEXT, Fit.FITS, code, told)

    def _chat_template(self) -> Iterator[CheckedPart]:
        if self.profile.chat_format == "plain":
            yield CheckedPart(Part.CHAT_TEMPLATE, Fit.FITS, "profile_chat_plain")
            return
        chat.require_template(self._folder)
        yield CheckedPart(Part.CHAT_TEMPLATE, Fit.FITS, "profile_chat_model")

    def _tokens_of_image(self) -> int | None:
        if self.profile.projector is not None:
            return self.profile.projector.tokens_per_image
        if isinstance(self.profile.checkpoint, StarterCheckpoint):
            return checkpoint.TOKENS_PER_IMAGE
        known = self._known
        return image_tokens.most(known) if known else None

    def _image_tokens(self) -> Iterator[CheckedPart]:
        shape, each = self.profile.projector, self._tokens_of_image()
        if each is None:
            yield CheckedPart(Part.IMAGE_TOKENS, Fit.UNSURE, "profile_image_tokens_unknown")
        elif shape is None:
            yield CheckedPart(Part.IMAGE_TOKENS, Fit.FITS, "profile_image_tokens", {"tokens": each})
        else:
            token = chat.image_token(self._folder, shape.image_token)
            told: dict[str, str | int | float] = {"tokens": each, "token": token}
            yield CheckedPart(Part.IMAGE_TOKENS, Fit.FITS, "profile_image_tokens_named", told)

    def _encoder(self) -> Iterator[CheckedPart]:
        profile = self.profile
        if profile.image_way == "pixels":
            yield CheckedPart(Part.ENCODER, Fit.FITS, "profile_encoder_own")
            return
        name = text_base.encoder_id(profile)
        if profile.encoder is None:
            shipped.load_heads(shipped.FOLDERS[profile.edition])
            yield CheckedPart(Part.ENCODER, Fit.FITS, "profile_encoder_shipped", {"encoder": name})
            return
        from radraft.vision_encoder.open_clip_tower import preprocess_cfg

        found = preprocess_cfg(locate(profile.encoder))
        rows, columns = found.input_size[1:]
        told = {
            "encoder": name,
            "size": f"{rows} x {columns}",
            "resize": str(found.resize_mode),
            "mean": _numbers(found.mean),
            "std": _numbers(found.std),
        }
        yield CheckedPart(Part.ENCODER, Fit.FITS, "profile_encoder", told)

    def _projector(self) -> Iterator[CheckedPart]:
        if self.profile.image_way == "pixels":
            return
        projector = Projector.load(text_base.projector_of(self.profile))
        shape, known = self.profile.projector, self._known
        width = known.width if known and known.width else projector.width
        if projector.width != width or (shape is not None and projector.parts != shape.parts):
            raise SettingsError(
                "profile_projector_misfit",
                found=f"{projector.width}, {projector.parts or '-'}",
                expected=f"{width}, {shape.parts if shape else '-'}",
            )
        told: Mapping[str, str | int | float] = {
            "projector": projector.projector_id,
            "dim": projector.dim,
            "width": width,
        }
        yield CheckedPart(Part.PROJECTOR, Fit.FITS, "profile_projector", told)

    def _prompt(self) -> Iterator[CheckedPart]:
        template = self._template
        if self.profile.priors and not template.takes_priors:
            raise SettingsError("template_without_priors", template=self.profile.template)
        told = {"template": template.template_id, "sha": template.sha[:16]}
        yield CheckedPart(Part.PROMPT, Fit.FITS, "profile_prompt", told)

    def _languages(self) -> Iterator[CheckedPart]:
        asked, known = set(self.profile.languages), set(self._template.spec.languages)
        if asked - known:
            raise SettingsError(
                "profile_languages_prompt", languages=", ".join(sorted(asked - known))
            )
        told = {"languages": ", ".join(self.profile.languages)}
        yield CheckedPart(Part.LANGUAGES, Fit.FITS, "profile_languages", told)
        if lacking := set(LANGS) - asked:
            other = {"languages": ", ".join(sorted(lacking))}
            yield CheckedPart(Part.LANGUAGES, Fit.UNSURE, "profile_languages_lacking", other)

    def _adapters(self) -> Iterator[CheckedPart]:
        targets, known = self.profile.lora_targets, self._known
        if self.profile.image_way == "pixels" and known is not None and known.config:
            architecture = facts.architecture(known.config)
            if architecture not in native_layers.SERVED:
                named = {"architecture": architecture or "-"}
                yield CheckedPart(Part.ADAPTERS, Fit.UNSURE, "profile_adapters_unserved", named)
                return
            native_layers.require_served(architecture, targets or ())
        if targets is not None and known is not None and known.tensors:
            adapters.require_layers(targets, known.tensors)
        told = {
            "rank": self.profile.vllm.max_lora_rank,
            "targets": ", ".join(targets) if targets else "-",
        }
        yield CheckedPart(Part.ADAPTERS, Fit.FITS, "profile_adapters", told)

    def _licence(self) -> Iterator[CheckedPart]:
        licence = self.profile.licence
        if licence is None:
            yield CheckedPart(Part.LICENCE, Fit.UNSURE, "profile_licence_unsaid")
        else:
            yield CheckedPart(Part.LICENCE, Fit.FITS, "profile_licence", {"licence": licence})

    def _standing(self) -> Iterator[CheckedPart]:
        if self.profile.not_run_here:
            yield CheckedPart(Part.STANDING, Fit.UNSURE, "profile_not_run_here")


def room(need: memory.Memory, has: memory.Machine, profile: Profile) -> CheckedPart:
    """Return that the model fits into a machine's memory.

    SettingsError `profile_memory_gpu_short`, `profile_memory_short`, `profile_memory_cache_short`
    where it does not.
    """
    if has.gpu is not None:
        usable = round(has.gpu * profile.vllm.gpu_memory_utilization)
        told = {"least": _gib(need.least), "usable": _gib(usable)}
        if need.least > usable:
            raise _short("profile_memory_gpu_short", told)
        return CheckedPart(Part.MEMORY, Fit.FITS, "profile_memory_gpu", told)
    cache = profile.vllm.cpu_kv_cache_gib
    if need.cache_least > cache * memory.GIB:
        raise SettingsError("profile_memory_cache_short", least=_gib(need.cache_least), given=cache)
    total = need.weights + cache * memory.GIB
    told = {"least": _gib(total), "usable": _gib(has.main)}
    if total > has.main:
        raise _short("profile_memory_short", told)
    return CheckedPart(Part.MEMORY, Fit.FITS, "profile_memory_main", told)


def _short(code: str, told: Mapping[str, int | float]) -> SettingsError:
    """Return the error of something that is too small, filled from what was told of it."""
    return SettingsError(code, file=None, **told)


def _gib(count: int) -> float:
    return round(count / memory.GIB, 2)


def _numbers(values: object) -> str:
    return canonical.dumps(values).strip("[]")
