"""What a draft may deny: only what its films themselves bear out.

The served model was taught to deny a finding where few films that look like this one have it, and
to leave the rest to the reader. It writes words, though, and keeps to that only nearly. Where the
encoder's scores were calibrated (`vision_encoder.chances`) each denial is therefore held against
the film once more, and one that the film does not bear out is no part of the draft: its reader
finds nothing written there. That holds of the profile's own model. What a site's signed reports
taught an adapter to deny, the gate judges by that site's signed reports.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radraft.pipeline.chances import NORMAL, embeddings, group_of
from radraft.reports.findings.extract import extract
from radraft.reports.values import Certainty, Coverage
from radraft.store import cases
from radraft.vision_encoder import chances

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft
    from radraft.reports.values import Lang, Sentence
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.denials")


@dataclass(frozen=True)
class Denials:
    """What may be said of one draft's films."""

    deniable: frozenset[str]
    """Codes of findings."""
    left_open: Mapping[Lang, Collection[str]]
    """Sentences with which the model leaves a section to its reader. They are for him and no part
    of a report, which would be signed with them."""

    def borne_out(self, sentence: Sentence) -> bool:
        """Return whether the sentence belongs in the draft: it denies nothing but what is
        deniable, calls nothing normal, and leaves nothing open."""
        for wording in sentence.wordings:
            lang, text = wording.lang, wording.text
            if text in self.left_open.get(lang, ()):
                return False
            for mention in extract(text, lang):
                absent = mention.polarity is Certainty.ABSENT
                if mention.code == NORMAL and not absent:
                    return False
                if absent and mention.code != NORMAL and mention.code not in self.deniable:
                    return False
        return True


def without(draft: Draft, ids: Collection[str]) -> Draft:
    """Return `draft` without the sentences of these ids; the others keep theirs."""
    if not ids or draft.coverage is not Coverage.DRAFTED:
        return draft
    log.info("draft %s: %d sentences that its films do not bear out", draft.case_id, len(ids))
    findings, impression = (
        tuple(sentence for sentence in section if sentence.id not in ids)
        for section in (draft.report.findings, draft.report.impression)
    )
    return replace(draft, report=replace(draft.report, findings=findings, impression=impression))


def of_request(request: DraftRequest, profile: Profile, store: Store) -> Denials | None:
    """Return what may be denied of the request's own films; None where nothing is held against
    them: an adapter drafts, or no score of the encoder was calibrated.

    Nothing may be denied of a patient whose age is not known, or whose films' embeddings are gone.
    NotFound `case_not_found`; EncodingError as `chances.Chances.deniable`.
    """
    if request.adapter_id is not None or request.image_tokens is None:
        return None
    encoder_id = request.image_tokens.encoder_id
    asked = chances.of_encoder(encoder_id)
    if asked is None:
        return None
    with store.read() as session:
        group = group_of(cases.deid_study(session, request.case_id).age_band)
    films = list(embeddings(store, encoder_id, request.own_image_ids))
    deniable: frozenset[str] = frozenset()
    if group is not None and films and len(films) == len(request.own_image_ids):
        # A finding is on one of the films or on none.
        deniable = frozenset.intersection(*(asked.deniable(film.tokens, group) for film in films))
    left_open = profile.left_open or ()
    return Denials(
        deniable, {"zh": {one.zh for one in left_open}, "en": {one.en for one in left_open}}
    )
