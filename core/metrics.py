"""What a running radraft counts about itself, for Prometheus.

Labels are closed sets: states, codes, methods, templates of addresses. None names a person, a
patient, a study or an address of a machine.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

REQUEST_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DRAFT_BUCKETS_S = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
WAIT_BUCKETS_S = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0)
DELIVERY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86_400.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one process. Threads may share one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        """What `prometheus_client` writes out."""
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "radraft_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_s = Histogram(
            "radraft_http_request_duration_seconds",
            "Time until a request was answered whole.",
            ("method", "route"),
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._errors = Counter(
            "radraft_errors",
            "Refusals and failures by radraft's code: of requests (http), of drafts (draft) and of "
            "sending reports (outbox).",
            ("where", "code"),
            registry=self.registry,
        )
        self._drafts = Counter(
            "radraft_drafts",
            "Drafts that were stored, by what became of them.",
            ("outcome",),
            registry=self.registry,
        )
        self._draft_s = Histogram(
            "radraft_draft_duration_seconds",
            "From the moment a case was claimed until its draft was stored.",
            buckets=DRAFT_BUCKETS_S,
            registry=self.registry,
        )
        self._wait_s = Histogram(
            "radraft_time_to_draft_seconds",
            "From a study's arrival until its first draft was stored.",
            buckets=WAIT_BUCKETS_S,
            registry=self.registry,
        )

        self._reports = Counter(
            "radraft_outbox_tries",
            "Tries to send a report, by receiver and what became of them.",
            ("target", "outcome"),
            registry=self.registry,
        )
        self._delivery_s = Histogram(
            "radraft_outbox_delivery_seconds",
            "From a signature until the receiver said that it has the report.",
            ("target",),
            buckets=DELIVERY_BUCKETS_S,
            registry=self.registry,
        )

        self._commitments = Counter(
            "radraft_outbox_commitments",
            "What receivers said when they were asked to keep a report, or why they did not.",
            ("target", "outcome"),
            registry=self.registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template of its address."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._request_s.labels(known, route).observe(seconds)

    def request_error(self, code: str) -> None:
        """Count what a request was refused with."""
        self._errors.labels("http", code).inc()

    def draft(self, outcome: str, seconds: float, error_code: str | None) -> None:
        """Count a stored draft, the seconds it took, and why it failed where it did."""
        self._drafts.labels(outcome).inc()
        self._draft_s.observe(seconds)
        if error_code is not None:
            self._errors.labels("draft", error_code).inc()

    def waited(self, seconds: float) -> None:
        """Count how long a study waited for its first draft."""
        self._wait_s.observe(seconds)

    def report_tried(
        self, target: str, outcome: str, error_code: str, delivered_s: float | None
    ) -> None:
        """Count a try to send a report: the state that it left the entry in, the code of its
        failure, and the seconds since the report was queued where it was delivered."""
        self._reports.labels(target, outcome).inc()
        if error_code:
            self._errors.labels("outbox", error_code).inc()
        elif delivered_s is not None:
            self._delivery_s.labels(target).observe(delivered_s)

    def commitment(self, target: str, outcome: str) -> None:
        """Count what came of the request to keep one report: `committed`, or radraft's code."""
        self._commitments.labels(target, outcome).inc()
