"""Chinese word segmentation that knows radiology's words.

jieba's dictionary and shortest-path segmentation (rjieba, the Rust build of it), without its model
for unknown words, which glues characters such as 上叶磨 together, and with the words of
`words_zh.txt` added.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Protocol


class _Segmenter(Protocol):
    def cut(self, text: str, hmm: bool = True) -> list[str]: ...


def segment(text: str) -> tuple[str, ...]:
    """Words of a run of Chinese characters, in order; joined they give the run again."""
    return tuple(_segmenter().cut(text, False))


def words() -> tuple[str, ...]:
    """Return the product's own word list, lower-cased as texts are."""
    lines = (
        (files("radraft.studies.deid") / "words_zh.txt").read_text(encoding="utf-8").splitlines()
    )
    listed = " ".join(line for line in lines if not line.startswith("#")).lower().split()
    return tuple(dict.fromkeys(listed))


@cache
def _segmenter() -> _Segmenter:
    import rjieba

    segmenter: _Segmenter = rjieba.Jieba()
    for word in words():
        # The smallest frequency at which the word is not cut.
        segmenter.add_word(word, segmenter.suggest_freq(word), "n")  # type: ignore[attr-defined]
    return segmenter
