"""Orders and studies that come from a scanner: matched wherever the line describes a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.pipeline.completion import Completion
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.order_intake import OrderIntake
from radraft.reports.order_matching import LinkState
from radraft.store import orders
from radraft.store.database import Store
from tests.exchange.builders import Clock, film_file
from tests.hl7_messages import order_message
from tests.pipeline.test_completion import completion, only_case
from tests.pipeline.test_late_images import taken_in
from tests.pipeline.test_order_intake import history, priority

pytestmark = pytest.mark.slow

__all__ = ["completion"]


def test_an_order_stays_with_its_study_when_more_images_come(
    completion: Completion, inbox: Inbox, sqlite_store: Store, tmp_path: Path, clock: Clock
) -> None:
    message = order_message(
        accession="ACC778899", patient="P0042", name="Zhang^Wei", born="19700305", sex="M"
    )
    OrderIntake(sqlite_store).receive(message.encode(), site="site-a", source="test")
    taken_in(completion, inbox, clock, film_file(tmp_path, 1))
    case_id = only_case(sqlite_store).case_id
    first = history(sqlite_store, case_id)
    assert "咳嗽三天" in first
    assert priority(sqlite_store, case_id) == "stat"
    # Described anew, by all its images.
    taken_in(completion, inbox, clock, film_file(tmp_path, 2, ViewPosition="LL"))
    assert history(sqlite_store, case_id) == first
    assert priority(sqlite_store, case_id) == "stat"
    with sqlite_store.read() as session:
        (found,) = orders.of_case(session, case_id)
    assert found.state is LinkState.LINKED
