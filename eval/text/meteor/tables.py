"""The tables of METEOR 1.5, read as data from an installed pycocoevalcap.

Nothing of that package is imported or run. The paraphrase table (5.3 million pairs) is read once
and kept as an index of hashes in the cache folder, from where it is memory-mapped.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radraft.eval.text.cider import HashArray, mixed
from radraft.eval.text.ngrams import Docs, number
from radraft.eval.values import IntArray

CACHE = Path("~/.cache/radraft").expanduser()
LONGEST = 7
"""Words of the longest phrase in the paraphrase table."""
_PHRASES_AT_ONCE = 200_000
_ARRAYS = ("source", "first", "target", "sieve")
_SIEVE_BITS = 25


@dataclass(frozen=True)
class Paraphrases:
    """Pairs of phrases by hash, as `phrase_hashes` gives them."""

    words: dict[str, int]
    source: HashArray
    """Sorted, distinct."""
    first: IntArray
    """Index in `target` of each source's first phrase, and the end; shape (sources + 1,)."""
    target: HashArray
    """In the table's order within a source."""
    sieve: NDArray[np.bool_]
    """Whether some phrase of the table has a hash with these leading bits."""

    def listed(self, phrases: HashArray) -> NDArray[np.bool_]:
        """False where a phrase is in no pair; of other phrases about one in ten passes too."""
        return self.sieve[_leading(phrases)]


@dataclass(frozen=True)
class Words:
    """Word tables."""

    synsets: dict[str, str]
    """WordNet synset numbers of a word, separated by blanks."""
    bases: dict[str, list[str]]
    """Base forms of irregular forms."""
    function: frozenset[str]


@dataclass(frozen=True)
class Tables:
    """All that METEOR needs to know of English besides the stemmer."""

    words: Words
    paraphrases: Paraphrases


def find() -> Path | None:
    """The folder with METEOR's tables, or None where pycocoevalcap is not installed."""
    try:
        spec = importlib.util.find_spec("pycocoevalcap")
    except ValueError:
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "meteor"
        if (folder / "meteor-1.5.jar").is_file() and _paraphrase_file(folder).is_file():
            return folder
    return None


def load(folder: Path, cache: Path = CACHE) -> Tables:
    """The tables in `folder`. The first call on a machine builds the index in `cache`."""
    return Tables(_words(folder / "meteor-1.5.jar"), paraphrases(folder, cache))


def paraphrases(folder: Path, cache: Path = CACHE) -> Paraphrases:
    """The paraphrase index of `folder`, built in `cache` where it is not there yet."""
    table = _paraphrase_file(folder)
    place = cache / f"meteor-1.5-paraphrases-{table.stat().st_size}"
    if not place.is_dir():
        _build(table, place)
    words = (place / "words.txt").read_text(encoding="utf-8").split("\n")
    arrays = [np.load(place / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
    return Paraphrases(dict(zip(words, range(len(words)), strict=True)), *arrays)


def _paraphrase_file(folder: Path) -> Path:
    return folder / "data" / "paraphrase-en.gz"


def _words(jar: Path) -> Words:
    with zipfile.ZipFile(jar) as archive:
        synsets = _lines(archive, "synonym/english.synsets")
        exceptions = _lines(archive, "synonym/english.exceptions")
        function = _lines(archive, "function/english.words")
    bases: dict[str, list[str]] = {}
    for base, forms in zip(exceptions[::2], exceptions[1::2], strict=True):
        for form in forms.split():
            bases.setdefault(form, []).append(base)
    pairs = zip(synsets[::2], synsets[1::2], strict=True)
    return Words(dict(pairs), bases, frozenset(function))


def _lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    return archive.read(name).decode("utf-8").removesuffix("\n").split("\n")


def _build(table: Path, place: Path) -> None:
    """Write the index under another name, then move it, so that two may build at once."""
    source, target, words = _read(table)
    by_source = np.argsort(source, kind="stable")
    names, first = np.unique(source[by_source], return_index=True)
    work = place.with_name(f"{place.name}.{os.getpid()}")
    work.mkdir(parents=True)
    np.save(work / "source.npy", names)
    np.save(work / "first.npy", np.append(first, len(source)).astype(np.int64))
    np.save(work / "target.npy", target[by_source])
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=bool)
    sieve[_leading(source)] = True
    sieve[_leading(target)] = True
    np.save(work / "sieve.npy", sieve)
    (work / "words.txt").write_text("\n".join(words), encoding="utf-8")
    try:
        work.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        for file in work.iterdir():
            file.unlink()
        work.rmdir()


def _leading(phrases: HashArray) -> IntArray:
    return (phrases >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)


def _read(table: Path) -> tuple[HashArray, HashArray, list[str]]:
    """Hashes of both sides of each pair (three lines: probability, source, target), and words."""
    vocabulary: dict[str, int] = {}
    lines = gzip.decompress(table.read_bytes()).decode("utf-8").removesuffix("\n").split("\n")
    sides = [
        [phrase_hashes(_numbered(phrases, vocabulary)) for phrases in _batched(lines[side::3])]
        for side in (1, 2)
    ]
    return np.concatenate(sides[0]), np.concatenate(sides[1]), list(vocabulary)


def _batched(phrases: list[str]) -> Iterator[list[str]]:
    """In parts that keep the memory for their words small."""
    for start in range(0, len(phrases), _PHRASES_AT_ONCE):
        yield phrases[start : start + _PHRASES_AT_ONCE]


def _numbered(phrases: list[str], vocabulary: dict[str, int]) -> Docs:
    # One split for all is several times faster than a list for each of millions of phrases.
    flat = number([" ".join(phrases).split(" ")], vocabulary)
    return Docs(flat.ids, np.array([phrase.count(" ") + 1 for phrase in phrases]))


def phrase_hashes(docs: Docs) -> HashArray:
    """Hash of each whole text."""
    tokens = docs.ids.astype(np.uint64) + np.uint64(1)
    starts = docs.starts
    out = np.zeros(len(docs), dtype=np.uint64)
    for step in range(int(docs.lengths.max(initial=0))):
        more = np.flatnonzero(docs.lengths > step)
        out[more] = mixed(out[more], tokens[starts[more] + step])
    return out
