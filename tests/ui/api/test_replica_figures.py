"""What Prometheus and the page are told of several vLLMs."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.bench.stub_replica import KEY, Fault, serving
from radraft.core.settings import Settings
from radraft.llm.link import LlmLink
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Llm
from radraft.store.database import Store
from tests.llm.test_replicas import until
from tests.ui.api.test_monitoring import app_of, figures
from tests.ui.conftest import make_service

pytestmark = pytest.mark.slow


def test_each_is_told_by_its_number_and_one_of_two_is_no_alarm(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with serving(1) as first, serving(2) as second:
        settings = Settings(
            data_dir=tmp_path / "data", llm_url=f"{first.url},{second.url}", llm_key=KEY
        )
        link = LlmLink(settings, load_profile("qwen3-vl-8b-instruct"), pause_s=0.02, patience_s=2.0)
        link.start()
        try:
            replicas = link.replicas
            assert replicas is not None
            llm = Llm(link.state, link.endpoint, link.problem, replicas)
            service = make_service(sqlite_store, tmp_path / "data", llm=llm)
            app = app_of(service)
            until(lambda: link.state().value == "ready")
            with replicas.use(None, 700):
                found = figures(app)
            assert found["radraft_llm_replica_outstanding_tokens{replica=1}"] == 700
            assert found["radraft_llm_replica_outstanding_tokens{replica=2}"] == 0
            assert found["radraft_llm_replica_up{replica=2}"] == 1
            assert service.status().llm_problem is None
            second.fault = Fault.SICK
            until(lambda: link.state().value == "slower")
            found = figures(app)
            assert found["radraft_llm_up"] == 1
            assert found["radraft_llm_state{state=slower}"] == 1
            assert found["radraft_llm_replica_up{replica=1}"] == 1
            assert found["radraft_llm_replica_up{replica=2}"] == 0
            assert found["radraft_llm_replica_state{replica=2,state=out}"] == 1
            assert found["radraft_llm_replica_adapters{replica=2}"] == 0
            assert not any(str(first.server_port) in name for name in found)
            problem = service.status().llm_problem
            assert problem is not None and "2: llm_unreachable" in problem[1]
        finally:
            link.stop()
