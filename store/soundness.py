"""Whether all signatures and the audit of a store hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from radraft.store import audit_check, signature_check, triggers, worklist_triggers
from radraft.store.database import Store
from radraft.store.signature_chain import Fault


def faults_of(store: Store) -> Mapping[str, int]:
    """Return how often each fault was found: empty where everything holds. StorageError."""
    counts: Counter[str] = Counter()
    with store.read() as session:
        for signed in signature_check.examine(session):
            counts.update(finding.fault.value for finding in signed.findings)
        for audited in audit_check.examine(session):
            counts.update(finding.fault.value for finding in audited.findings)
        if missing := triggers.missing(session.connection()):
            counts[Fault.TRIGGER.value] += len(missing)
        if missing := worklist_triggers.missing(session.connection()):
            counts["worklist_triggers_missing"] += len(missing)
    return dict(sorted(counts.items()))
