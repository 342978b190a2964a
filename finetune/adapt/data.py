"""Which signed reports a run trains on, and how the trainer takes them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.core.errors import AdapterError, NotFound, StorageDamaged
from radraft.finetune import export
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.values import Chosen, Plan
from radraft.finetune.train.values import Example, Tokens
from radraft.reports.training_pair import TrainingPair
from radraft.store import adapters, cases, images, pairs
from radraft.store.signatures import BrokenSignature
from radraft.vision_encoder import stored

if TYPE_CHECKING:
    from radraft.finetune.selection import Selection
    from radraft.llm.adapter import Adapter
    from radraft.llm.profiles import Profile
    from radraft.store.objects import Objects

FROZEN = "held_out"
OTHER_ENCODER, NO_EMBEDDING, WAITING = "other_encoder", "no_embedding", "waits_for_a_later_run"
NO_IMAGE = "no_image"
"""A key image, or one of an earlier study that was shown, is gone from the store or damaged."""


def plan(
    session: Session,
    objects: Objects,
    selection: Selection,
    recipe: AdaptRecipe,
    *,
    site: str,
    parent: str | None,
    encoder_id: str | None,
    seed: int,
) -> Plan:
    """The pairs of a run that goes on from `parent`: the newest that its chain was not trained on,
    and drawn earlier ones. A share of the new ones, whole patients, is kept for validation.
    `encoder_id` is None for a model that takes the images themselves.

    AdapterError `adapt_too_few_pairs` where fewer are new than the recipe asks for.
    """
    left_out = Counter(item.reason.value for item in selection.left_out)
    usable = list(_usable(objects, selection.train, encoder_id, left_out))
    before = trained_on(session, parent)
    old = [pair for pair in usable if pair.pair_id in before]
    new = [pair for pair in usable if pair.pair_id not in before]
    if len(new) > recipe.most_pairs:
        left_out[WAITING] += len(new) - recipe.most_pairs
        new = new[-recipe.most_pairs :]
    if len(new) < recipe.least_pairs:
        raise AdapterError(
            "adapt_too_few_pairs", site=site, found=len(new), needed=recipe.least_pairs
        )
    valid = _kept_back(session, new, recipe.valid, f"{seed}:{parent}")
    again = min(len(old), round(recipe.replay * (len(new) - len(valid))))
    drawn = np.random.default_rng((seed, len(old))).permutation(len(old))[:again]
    return Plan(
        parent=parent,
        train=tuple(pair.pair_id for pair in new if pair.pair_id not in valid),
        replay=tuple(old[place].pair_id for place in sorted(drawn.tolist())),
        valid=tuple(pair.pair_id for pair in new if pair.pair_id in valid),
        left_out=dict(sorted(left_out.items())),
        frozen=len(selection.frozen),
    )


def data_sha(planned: Plan) -> str:
    """Names the pairs: their ids are hashes of their content."""
    return canonical.sha256([planned.train, planned.replay, planned.valid])


def chosen(session: Session, planned: Plan) -> Chosen:
    """The plan's pairs. They are append-only, so a resumed run finds those it began with.

    ReportError `signature_broken` where the report of one was changed since.
    """
    wanted = {*planned.train, *planned.replay, *planned.valid}
    broken: list[BrokenSignature] = []
    every = pairs.pairs(session, broken=broken)
    found = {pair.pair_id: pair for pair in every if pair.pair_id in wanted}
    if broken and wanted - found.keys():
        raise broken[0].error()
    # Nothing of a patient whose reports judge the candidate may train it.
    assert all(pair.split != FROZEN for pair in found.values())
    train = tuple(found[pair_id] for pair_id in (*planned.train, *planned.replay))
    return Chosen(train, tuple(found[pair_id] for pair_id in planned.valid))


def trained_on(session: Session, adapter_id: str | None) -> frozenset[str]:
    """Ids of the pairs that the adapter, and those it goes back to, were trained on."""
    if adapter_id is None:
        return frozenset()
    adapter = adapters.get(session, adapter_id)
    family = (adapter, *adapters.ancestors(session, adapter))
    return frozenset(pair_id for member in family for pair_id in member.card.get("pairs", ()))


def parent_id(serving: Adapter | None, profile: Profile) -> str | None:
    """Return the id of the adapter that a run goes on from. AdapterError `adapt_base_differs` where
    that lies on another base than the profile's."""
    if serving is None:
        return None
    if not profile.is_base(serving.base):
        raise AdapterError("adapt_base_differs", adapter=serving.adapter_id)
    return serving.adapter_id


def example(pair: TrainingPair) -> Example:
    """As the trainer takes it: what was asked, what was signed, and the draft where a model's was
    changed."""
    messages, shown = export.chat(json.loads(pair.request)["messages"], pair.image_ids)
    changed = export.is_preference(pair)
    return Example(
        messages=tuple(messages),
        images=tuple(shown),
        # Lines of a template come with the report, not from the model.
        chosen=export.target_text(pair.corrected, pair.langs),
        rejected=export.target_text(pair.drafted, pair.langs) if changed else None,
    )


@dataclass(frozen=True)
class StoredTokens:
    """Reads an image's tokens where drafting stored them: a `TokenSource`."""

    objects: Objects
    encoder_id: str

    def __call__(self, image_id: str) -> Tokens:
        """Return (n, dim) patch tokens. NotFound, StorageDamaged, `stored.Damaged`."""
        return stored.read(self.objects, self.encoder_id, image_id).tokens


@dataclass(frozen=True)
class StoredPictures:
    """Reads an image as it is sent to a model that takes pixels: a `PictureSource`."""

    objects: Objects

    def __call__(self, image_id: str) -> bytes:
        """Return its PNG. NotFound, StorageDamaged."""
        return images.png(self.objects, image_id)


def _usable(
    objects: Objects, found: Iterable[TrainingPair], encoder_id: str | None, left_out: Counter[str]
) -> Iterator[TrainingPair]:
    seen = StoredPictures(objects)
    read = StoredTokens(objects, encoder_id) if encoder_id is not None else None
    for pair in found:
        assert pair.split != FROZEN
        if read is None:
            if _readable(seen, pair.image_ids):
                yield pair
            else:
                left_out[NO_IMAGE] += 1
        elif pair.encoder_id != encoder_id:
            left_out[OTHER_ENCODER] += 1
        elif not _readable(read, pair.image_ids):
            left_out[NO_EMBEDDING] += 1
        else:
            yield pair


def _readable(read: Callable[[str], object], image_ids: Sequence[str]) -> bool:
    try:
        for image_id in image_ids:
            read(image_id)
    except (NotFound, StorageDamaged, stored.Damaged):
        return False
    return bool(image_ids)


def _kept_back(
    session: Session, new: Sequence[TrainingPair], share: float, salt: str
) -> frozenset[str]:
    """Pair ids of whole patients, drawn by `salt`, until they are `share` of the pairs."""
    groups: dict[str, list[str]] = {}
    for pair in new:
        groups.setdefault(_patient(session, pair), []).append(pair.pair_id)
    if len(groups) == 1:
        # One patient's reports: better judged by other reports of the same than by none.
        groups = {pair.case_id: [pair.pair_id] for pair in new}
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).digest())
    kept: list[str] = []
    for name in order[:-1]:
        if len(kept) >= share * len(new):
            break
        kept += groups[name]
    return frozenset(kept)


def _patient(session: Session, pair: TrainingPair) -> str:
    try:
        return cases.get_case(session, pair.case_id).patient_ref
    except NotFound:
        return pair.case_id
