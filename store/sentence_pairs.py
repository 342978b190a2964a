"""Sentences that people signed in both languages: how a site says one in the other language."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from radraft.reports.following import pair_key
from radraft.reports.values import Lang
from radraft.store.tables import SentencePairRow

NEWEST = 50
"""Uses of a sentence that are looked at: what most of the newest say is how it is said."""


def keep(session: Session, case_id: str, site: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Keep the (zh, en) `pairs` of a case's newest signed version in the place of those before."""
    session.execute(delete(SentencePairRow).where(SentencePairRow.case_id == case_id))
    session.add_all(
        SentencePairRow(case_id=case_id, site=site, zh_key=_key(zh), en_key=_key(en), zh=zh, en=en)
        for zh, en in pairs
    )
    session.flush()


def known(
    session: Session, site: str, texts: Iterable[tuple[Lang, str]]
) -> Mapping[tuple[Lang, str], str]:
    """Return how a site says `texts`, each with its language, in the other language, by language
    and `pair_key`; what it never said in both is not there."""
    found: dict[tuple[Lang, str], str] = {}
    for lang, text in dict.fromkeys(texts):
        said = _said(session, site, lang, text)
        if said is not None:
            found[lang, pair_key(text)] = said
    return found


def _said(session: Session, site: str, lang: Lang, text: str) -> str | None:
    of_zh = lang == "zh"
    key = SentencePairRow.zh_key if of_zh else SentencePairRow.en_key
    other = SentencePairRow.en if of_zh else SentencePairRow.zh
    newest = session.scalars(
        select(other)
        .where(SentencePairRow.site == site, key == _key(text))
        .order_by(SentencePairRow.pair_id.desc())
        .limit(NEWEST)
    ).all()
    # Of as many uses the newest counts.
    return Counter(newest).most_common(1)[0][0] if newest else None


def _key(text: str) -> str:
    return hashlib.sha256(pair_key(text).encode("utf-8")).hexdigest()[:32]
