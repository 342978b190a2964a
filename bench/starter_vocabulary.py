"""Choose which words of its base the starter's second edition keeps, and say what that changes.

    .venv/bin/python -m radraft.bench.starter_vocabulary --pairs RUN/pairs --data ../shared/data
    .venv/bin/python -m radraft.bench.starter_vocabulary --pairs RUN/pairs --write

Kept are the words of what the edition was taught (`--pairs`) as vLLM sees it, of the reports,
templates and word lists of the data folder, and of this project's own YAML files, with all that
they are merged from.
`--write` replaces `llm/starter2/vocabulary.safetensors`; `bench/pin_starter.py` pins it.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from radraft.core.settings import load as load_settings
from radraft.finetune.starter.vocabulary import Words
from radraft.llm import checkpoint, pins, vocabulary
from radraft.vision_encoder.shipped import Edition

EDITION: Edition = 2
ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bench", "eval", "finetune", "llm", "prompts", "reports", "studies", "ui")
REPORTS = (
    "reports_iu_zh_en/*.jsonl",
    "reports_iu_en/*.csv",
    "reports_labelled_en/**/*.json",
    "vocabulary_zh/*.json",
    "report_templates/mdvthu_en/**/*.yaml",
    "report_templates/mdvthu_en/**/*.txt",
)


def main() -> None:
    """Print how many words are kept and read, and write them where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder of `train pairs`")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    folder = checkpoint.build_base(load_settings().cache_dir)
    base = folder / "tokenizer.json"
    content = json.loads(base.read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(base))
    read: dict[str, list[int]] = {}
    used: set[int] = set()
    for name, texts in sources(given.pairs, given.data, folder).items():
        before = len(used)
        found = ids(tokenizer, sorted(set(texts) - read.keys()))
        read |= found
        used.update(*found.values())
        tokens = sum(map(len, found.values()))
        print(f"{name}: {len(found):,} texts, {tokens:,} tokens, {len(used) - before:,} more words")
    kept = Words(content).kept(used)
    print(f"{len(kept):,} of {tokenizer.get_vocab_size():,} words are kept")
    smaller = Tokenizer.from_str(json.dumps(vocabulary.smaller(content, kept)))
    again = ids(smaller, list(read))
    other = sum(kept[again[text]].tolist() != before for text, before in read.items() if before)
    print(f"{other:,} of {len(read):,} texts are read otherwise")
    path = pins.files(EDITION)["vocabulary"]
    if given.write:
        vocabulary.save(path, kept)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def ids(tokenizer: Tokenizer, texts: list[str]) -> dict[str, list[int]]:
    """Return text -> the ids of its words."""
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return {text: one.ids for text, one in zip(texts, encoded, strict=True)}


def sources(pairs: Path, data: Path, base: Path) -> dict[str, Iterator[str]]:
    """Return name -> texts of everything that the choice reads."""
    found = {"requests": requests(pairs, base), "pairs": _texts(pairs / "pairs.jsonl")}
    for pattern in REPORTS:
        files = sorted(data.glob(pattern))
        if not files:
            raise SystemExit(f"{data / pattern}: nothing there")
        found[pattern] = (text for file in files for text in _texts(file))
    own = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.yaml"))
    found["this project"] = (text for file in own for text in _texts(file))
    return found


def requests(pairs: Path, base: Path) -> Iterator[str]:
    """Yield what vLLM reads before it writes, and what it is to write, of each pair."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    with (pairs / "pairs.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            *asked, answer = json.loads(line)["messages"]
            yield tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            yield "".join(part["text"] for part in answer["content"])


def _texts(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".jsonl":
            for line in text.splitlines():
                yield from _strings(json.loads(line))
        case ".json":
            yield from _strings(json.loads(text))
        case ".csv":
            yield from (cell for row in csv.reader(text.splitlines(keepends=True)) for cell in row)
        case _:
            yield from text.splitlines()


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _all(value.values())
    elif isinstance(value, list):
        yield from _all(value)


def _all(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from _strings(value)


if __name__ == "__main__":
    main()
