"""Cases whose drafts were made with the shipped second encoder's embeddings, of tokens made up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from radraft.reports.draft import Draft
from radraft.store import drafts
from radraft.store.database import Store
from radraft.vision_encoder import shipped, stored
from radraft.vision_encoder.values import ImageEmbedding
from tests.builders import make_request_json

FOLDER = shipped.FOLDERS[2]
TOKENS = 64
Tokens = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def tokens(seed: int) -> Tokens:
    """(n, dim) patch tokens in the range of ReLU6."""
    random = np.random.default_rng(seed)
    dim = shipped.load_heads(FOLDER).dim
    return (6 * random.random((TOKENS, dim)) ** 4).astype(np.float16).astype(np.float32)


def asked(head: str, yes: bool) -> Tokens:
    """(n, dim) patch tokens of a film that the head says yes or no of."""
    heads = shipped.load_heads(FOLDER)
    weight = heads.weight[heads.ids.index(head)]
    towards = np.maximum(0, weight if yes else -weight)
    one = 6 * towards / towards.max()
    return np.repeat(one[None], TOKENS, 0).astype(np.float16).astype(np.float32)


def keep(store: Store, seeds: Sequence[int]) -> tuple[str, ...]:
    """Store an embedding for each seed; return the images' ids."""
    return keep_tokens(store, [tokens(seed) for seed in seeds])


def keep_tokens(store: Store, films: Sequence[Tokens]) -> tuple[str, ...]:
    """Store an embedding of each; return the images' ids."""
    encoder = shipped.encoder_id(FOLDER)
    ids = []
    for film in films:
        name = hashlib.sha256(film.tobytes()).hexdigest()
        embedding = ImageEmbedding(name, film, np.zeros(4, np.float32))
        store.objects.put(stored.key(encoder, name), stored.dump(embedding, encoder))
        ids.append(name)
    return tuple(ids)


def draft(store: Store, made: Draft, image_ids: tuple[str, ...], encoder_id: str) -> None:
    """Store `made` as drafted from these images."""
    with store.begin() as session:
        drafts.save_draft(
            session,
            made,
            request_json=make_request_json(made.case_id) if made.request_sha else None,
            encoder_id=encoder_id,
            image_ids=image_ids,
        )
