"""What the rules found, held against the chances that the relevance model gives.

The model chooses among sentences and outcomes. What it chooses is quoted word for word; yes, no and
"left open" are said only where the rules read them in a sentence that is quoted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radraft.llm.asking.cases import Case, quote_part
from radraft.llm.asking.comparing import compares_in_vain
from radraft.llm.asking.features import Features
from radraft.llm.asking.kinds import SUBJECTLESS
from radraft.llm.asking.metadata import settled
from radraft.llm.asking.outcomes import QUOTED
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.relevance_model import OUTCOMES, Judgement, Limits
from radraft.llm.asking.values import Finding, Kind, Outcome, Polarity, Quote, Source

RELATED = 3
"""Most sentences that are shown where none answers."""
LEAST_NEAR = 0.25
"""Least chance of one of them that the rules do not name: below, a question about something else
would be shown sentences that have nothing to do with it."""


def open_to_chance(asked: Asked, found: Finding) -> bool:
    """Return whether the model may change what the rules found: not what was refused, and not a
    definition."""
    return (asked.kind is Kind.METADATA or asked.kind not in SUBJECTLESS) and found.outcome not in (
        Outcome.REFUSED,
        Outcome.CANNOT_ANSWER,
    )


def weighed(
    case: Case,
    source: Source,
    by_rules: Finding,
    read: Features,
    judgement: Judgement,
    limits: Limits,
) -> Finding:
    """Return what `by_rules` becomes with the model's chances for the sentences of `source`."""
    order, chances = judgement.order, judgement.chances
    least = limits.quoted * chances[order[0]]
    likely = [at for at in order[: limits.most] if chances[at] >= least]
    by_name = settled(case.asked, by_rules)
    if by_name and by_rules.outcome is Outcome.CORRECTED:
        return by_rules
    outcome = _outcome(case, by_rules, read, judgement, limits, likely, by_name=by_name)
    if outcome is Outcome.CANNOT_ANSWER:
        return Finding(outcome)
    if outcome is Outcome.NOT_MENTIONED:
        named = [q for q in (*by_rules.related, *by_rules.quotes) if q.source == source.id]
        near = [at for at in order if chances[at] >= LEAST_NEAR]
        more = (quote_part(case, source, read.sentences[at]) for at in near)
        return Finding(outcome, related=_once([*named, *more])[:RELATED])
    own = {sentence.id: at for at, sentence in enumerate(read.sentences)}
    best = float(chances[order[0]])
    chance = {
        quote.part: float(chances[own[quote.part]]) / best
        for quote in by_rules.quotes
        if quote.source == source.id and quote.part in own
    }
    """Of what the rules quote of this report, as a share of the likeliest's."""
    kept = [
        quote
        for quote in by_rules.quotes
        if by_name or quote.source != source.id or chance.get(quote.part, 0.0) >= limits.kept
    ]
    quotes = _once([*kept, *(quote_part(case, source, read.sentences[at]) for at in likely)])
    if outcome is Outcome.UNCERTAIN:
        polarity: Polarity | None = Polarity.UNCERTAIN
    elif outcome is by_rules.outcome and max(chance.values(), default=1.0) >= limits.sure:
        polarity = by_rules.polarity
    else:
        polarity = None
    return replace(by_rules, outcome=outcome, quotes=quotes, related=(), polarity=polarity)


def _outcome(
    case: Case,
    by_rules: Finding,
    read: Features,
    judgement: Judgement,
    limits: Limits,
    likely: list[int],
    *,
    by_name: bool,
) -> Outcome:
    """Return the outcome that is likely to cost least. `by_name`: the rules found a field that the
    question asks for by name."""
    if compares_in_vain(case.asked, len(case.priors), (read.sentences[at] for at in likely)):
        return Outcome.NOT_MENTIONED
    cost = np.array(limits.costs) @ judgement.outcomes
    if by_name:
        # What is asked for by name is known: it is not said that nothing is.
        for outcome in (Outcome.NOT_MENTIONED, Outcome.CANNOT_ANSWER):
            cost[OUTCOMES.index(outcome)] = np.inf
    doubted = by_rules.outcome is Outcome.UNCERTAIN or any(
        read.of_sentences["hedged"][at] for at in likely
    )
    if not doubted:
        # What no quoted sentence leaves open is not said to be open.
        cost[OUTCOMES.index(Outcome.UNCERTAIN)] = np.inf
    return OUTCOMES[int(np.argmin(cost))]


def _once(quotes: list[Quote]) -> tuple[Quote, ...]:
    unique = {(quote.source, quote.part): quote for quote in quotes}
    return tuple(unique.values())[: QUOTED + RELATED]
