"""The data card of a set of the archive: what is in it, for people and for programs, without
identity.

`OUT.card.json`, `OUT.card.md` and the picture `OUT.card.svg`. No cell stands for fewer than
`LEAST` studies: small ones are counted together as `other`, with the next larger one where they
alone are still too few, or shown as `<5`.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import radraft
from radraft.core import canonical
from radraft.core.file_hash import file_sha256
from radraft.finetune.archive_set.texts import languages
from radraft.finetune.archive_set.values import HELD_OUT, VALID, Kind
from radraft.finetune.export import replacing
from radraft.prompts.templates import load_template
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.extract import extract, status
from radraft.reports.values import Certainty
from radraft.store import cases

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.finetune.archive_set.kinds import Source
    from radraft.finetune.archive_set.values import ArchiveSetCount, Example, SetSettings
    from radraft.llm.profiles import Profile

LEAST = 5
FEWER = f"<{LEAST}"
OTHER = "other"
ABOUT = ("site", "language", "year", "modality", "sex", "age_band")
Cells = dict[str, int | str]


def card_path(out: Path, ending: str = "json") -> Path:
    """Return `set.card.json` for `set.jsonl`."""
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.card.{ending}")


def folded(counts: Mapping[str, int]) -> Cells:
    """Return the cells of a table that people may see, largest first."""
    kept = dict(sorted(counts.items(), key=lambda cell: (-cell[1], cell[0])))
    hidden = 0
    # One hidden cell would be what the others leave of the whole.
    while kept and (min(kept.values()) < LEAST or 0 < hidden < LEAST):
        hidden += kept.popitem()[1]
    found: Cells = dict(kept)
    if hidden:
        found[OTHER] = hidden if hidden >= LEAST else FEWER
    return found


def shown(count: int) -> int | str:
    """Return a count that people may see."""
    return count if count >= LEAST or not count else FEWER


@dataclass
class Card:
    """Counts while a set is written."""

    profile: Profile
    site: str | None
    settings: SetSettings
    examples: dict[Kind, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    studies: Counter[str] = field(default_factory=Counter)
    about: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[tuple[str, str], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    lengths: dict[tuple[str, str], array[int]] = field(
        default_factory=lambda: defaultdict(lambda: array("I"))
    )
    comparing: Counter[str] = field(default_factory=Counter)
    _last: str = ""

    def add(self, session: Session, kind: Kind, source: Source, example: Example) -> None:
        """Count an example that was written. Those of a study come one after the other."""
        share = HELD_OUT if source.share == HELD_OUT else "train"
        self.examples[kind][source.share] += 1
        *asked, answer = example["messages"]
        prompt = sum(len(part.get("text", "")) for one in asked for part in one["content"])
        self.lengths[kind.value, "prompt"].append(prompt)
        self.lengths[kind.value, "answer"].append(len(answer["content"][0]["text"]))
        self.comparing[kind.value] += bool(example["metadata"].get("claims_prior"))
        if source.text.case_id != self._last:
            self._last = source.text.case_id
            self._study(session, source, share)

    def _study(self, session: Session, source: Source, share: str) -> None:
        case_id = source.text.case_id
        case = cases.get_case(session, case_id)
        _, day = cases.age_and_date(session, case_id)
        langs = languages(source.report)
        said = {
            "site": case.site,
            "language": "+".join(langs),
            "year": "unknown" if day is None else str(day.year),
            "modality": case.modality,
            "sex": case.sex or "unknown",
            "age_band": case.age_band or "unknown",
        }
        self.studies[share] += 1
        for name, value in said.items():
            self.about[share, name][value] += 1
        text = "\n".join(sentence.text(langs[0]) for sentence in source.report.sentences)
        mentions = extract(text, langs[0], region_of(case.body_part))
        for code, polarity in status(mentions).items():
            self.findings[share, code][polarity.value] += 1

    def write(
        self, out: Path, files: Sequence[Path], count: ArchiveSetCount, encoder_id: str | None
    ) -> None:
        """Write the card beside the set `out`, whose files are complete; its JSON last. OSError."""
        value = self._value(files, count, encoder_id)
        with replacing(card_path(out, "svg")) as stream:
            stream.write(picture(value))
        with replacing(card_path(out, "md")) as stream:
            stream.write(text(value, card_path(out, "svg").name))
        with replacing(card_path(out)) as stream:
            stream.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def _value(
        self, files: Sequence[Path], count: ArchiveSetCount, encoder_id: str | None
    ) -> dict[str, Any]:
        settings = {
            **asdict(self.settings),
            "site": self.site,
            "profile": self.profile.name,
            "profile_hash": self.profile.profile_hash,
            "template_sha": load_template(self.profile.template).sha,
            "encoder_id": encoder_id,
            "radraft": radraft.__version__,
        }
        plain = canonical.plain(settings)
        return {
            "files": {path.name: file_sha256(path) for path in files},
            "settings": plain,
            "settings_sha256": canonical.sha256(plain),
            "examples": {
                kind: {share: shown(number) for share, number in shares.items()}
                for kind, shares in count.kinds.items()
            },
            "images": count.images,
            "images_without_embedding": count.without_embedding,
            "studies": {share: shown(number) for share, number in sorted(self.studies.items())},
            "about": {
                share: {name: folded(self.about[share, name]) for name in ABOUT}
                for share in sorted(self.studies)
            },
            "findings": {
                share: {
                    code: {each.value: shown(counts[each.value]) for each in Certainty}
                    for (its, code), counts in sorted(
                        self.findings.items(), key=lambda cell: (-cell[1].total(), cell[0])
                    )
                    if its == share and counts.total() >= LEAST
                }
                for share in sorted(self.studies)
            },
            "left_out": {reason: shown(number) for reason, number in count.left_out.items()},
            "lengths": {
                kind.value: {
                    part: _quantiles(self.lengths[kind.value, part])
                    for part in ("prompt", "answer")
                }
                for kind in self.settings.kinds
                if self.examples[kind].total() >= LEAST
            },
            "shares": self._shares(),
        }

    def _shares(self) -> dict[str, float | str]:
        """Return which share of the examples shows an earlier report, and of reports without one
        in the prompt which share compares all the same."""
        with_images = sum(self.examples[kind].total() for kind in (Kind.IMAGE, Kind.PRIOR))
        found: dict[str, float | str] = {}
        prior = self.examples[Kind.PRIOR].total()
        if with_images >= LEAST:
            found["with_a_prior"] = FEWER if 0 < prior < LEAST else round(prior / with_images, 4)
        if (alone := self.examples[Kind.IMAGE].total()) >= LEAST:
            compares = self.comparing[Kind.IMAGE.value]
            found["comparing_without_a_prior"] = (
                FEWER if 0 < compares < LEAST else round(compares / alone, 4)
            )
        return found


def text(card: Mapping[str, Any], picture_name: str) -> str:
    """Return a card as Markdown."""
    lines = ["# Data card 数据卡", "", f"![counts 计数]({picture_name})", ""]
    lines += ["## Examples 样本", "", f"| kind 种类 | train 训练 | {VALID} 验证 | held out 留出 |"]
    lines += ["|---|---|---|---|"]
    for kind, shares in card["examples"].items():
        cells = (str(shares.get(share, 0)) for share in ("train", VALID, HELD_OUT))
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Key images 关键图像: {card['images']}; without a stored embedding, so that copies of "
        f"them are not found 无已存特征、无法查重: {card['images_without_embedding']}",
    ]
    for name, value in card["shares"].items():
        lines.append(f"{name}: {value}")
    for share, number in card["studies"].items():
        lines += ["", f"## Studies 检查, {share}: {number}", "", "| | |", "|---|---|"]
        for name, cells in card["about"][share].items():
            said = ", ".join(f"{value} {count}" for value, count in cells.items())
            lines.append(f"| {name} | {said} |")
        lines += ["", "| finding 所见 | present 有 | uncertain 可疑 | absent 无 |"]
        lines += ["|---|---|---|---|"]
        for code, counts in card["findings"][share].items():
            cells = (str(counts[each.value]) for each in _POLARITIES)
            lines.append(f"| {code} | {' | '.join(cells)} |")
    lines += ["", "## Left out 未纳入", "", "| reason 原因 | |", "|---|---|"]
    lines += [f"| {reason} | {number} |" for reason, number in card["left_out"].items()]
    lines += ["", "## Characters 字符数", "", "| | 5% | 50% | 95% |", "|---|---|---|---|"]
    for kind, parts in card["lengths"].items():
        for part, cut in parts.items():
            lines.append(f"| {kind}, {part} | {cut['p5']} | {cut['p50']} | {cut['p95']} |")
    lines += ["", "## Hashes 哈希", ""]
    lines += [f"- {name}: `{sha}`" for name, sha in card["files"].items()]
    lines += [f"- settings 设置: `{card['settings_sha256']}`", "", "```json"]
    lines += [json.dumps(card["settings"], ensure_ascii=False, indent=2), "```", ""]
    return "\n".join(lines)


def picture(card: Mapping[str, Any]) -> str:
    """Return the SVG of a card: examples by kind, studies by year and age, findings by polarity."""
    import io

    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "card", "font.size": 8}):
        figure = Figure(figsize=(9, 6), layout="constrained")
        (kinds, years), (ages, found) = figure.subplots(2, 2)
        _bars(kinds, "examples", {k: sum(map(_number, v.values())) for k, v in
                                  card["examples"].items()})  # fmt: skip
        train = card["about"].get("train", {})
        _bars(years, "studies to train on, by year", dict(sorted(train.get("year", {}).items())))
        _bars(ages, "by age", dict(sorted(train.get("age_band", {}).items(), key=_age)))
        most = dict(list(card["findings"].get("train", {}).items())[:12])
        left = np.zeros(len(most))
        for polarity, colour in zip(_POLARITIES, COLOURS, strict=True):
            sizes = [_number(counts[polarity.value]) for counts in most.values()]
            found.barh(list(most), sizes, left=left, color=colour, label=polarity.value)
            left += sizes
        found.invert_yaxis()
        found.set_title("findings of the reports")
        if most:
            found.legend(frameon=False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


COLOURS = ("#17648a", "#b86a1e", "#c3ccd4")
_POLARITIES = (Certainty.PRESENT, Certainty.UNCERTAIN, Certainty.ABSENT)


def _bars(axes: Any, title: str, cells: Mapping[str, int | str]) -> None:
    axes.bar(list(cells), [_number(count) for count in cells.values()], color=COLOURS[0])
    axes.set_title(title)
    axes.tick_params("x", rotation=30 if len(cells) > 5 else 0)


def _number(count: int | str) -> int:
    """Return how large a cell is drawn; one that is not shown is not drawn."""
    return count if isinstance(count, int) else 0


def _age(cell: tuple[str, object]) -> int:
    first = cell[0].split("-")[0].rstrip("+")
    return int(first) if first.isdecimal() else 999


def _quantiles(lengths: Sequence[int]) -> dict[str, int]:
    found = np.percentile(np.asarray(lengths), (5, 50, 95))
    return dict(zip(("p5", "p50", "p95"), map(int, found), strict=True))
