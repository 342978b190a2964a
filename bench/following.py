"""How many sentences of real reports are said in the other language by rules, and which: for people
to judge. `python -m radraft.bench.following DATA [--sentences 300] [--seed 7] [--show 60]`."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from radraft.reports.findings.vocabulary import Region
from radraft.reports.following import FollowedText, agree, composed_text
from radraft.reports.values import Lang

_ENDS: dict[Lang, str] = {"zh": r"(?<=[。；])", "en": r"(?<=[.;])\s+"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share of sentences that were followed, and the first that were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with reports_iu_zh_en/pairs.jsonl")
    parser.add_argument("--sentences", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=60)
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    given = parser.parse_args(arguments)
    lang: Lang = given.lang
    chosen = _sentences(given.data / "reports_iu_zh_en" / "pairs.jsonl", lang)
    random.Random(given.seed).shuffle(chosen)
    chosen = chosen[: given.sentences]
    followed = [(text, composed_text(text, lang, Region.CHEST)) for text in chosen]
    offers = [(text, offer) for text, offer in followed if offer is not None]
    share = 100 * len(offers) / max(1, len(chosen))
    print(f"{lang}: {len(chosen)} sentences, offered {len(offers)} ({share:.1f} %)")
    print(f"offers that the checks of languages pass: {_passed(offers, lang)} of {len(offers)}")
    for number, (text, offer) in enumerate(offers[: given.show], 1):
        print(f"{number}\t{text}\t{offer.text}")


def _passed(offers: Sequence[tuple[str, FollowedText]], lang: Lang) -> int:
    return sum(agree(text, lang, offer.text, Region.CHEST) for text, offer in offers)


def _sentences(path: Path, lang: Lang) -> list[str]:
    """Return the different sentences of the reports, one report of each examination, sorted."""
    reports: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        reports.setdefault(pair["uid"], pair[lang])
    pieces = (piece.strip() for text in reports.values() for piece in re.split(_ENDS[lang], text))
    return sorted({piece for piece in pieces if piece})


if __name__ == "__main__":
    main()
