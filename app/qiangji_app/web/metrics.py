"""Numbers for monitoring in Prometheus' text format; no identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from qiangji_app.domain.workflow import State
from qiangji_app.ports import CaseQuery

if TYPE_CHECKING:
    from qiangji_app.bootstrap import Installation


class Metrics:
    """Gauges computed when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._cases = Gauge("qiangji_cases", "Cases by state", ["state"], registry=self._registry)
        self._free = Gauge(
            "qiangji_free_bytes", "Free space where files are stored", registry=self._registry
        )
        self._bundles = Gauge(
            "qiangji_bundle_ready", "1 when a bundle is in use", ["bundle"], registry=self._registry
        )

    def render(self, installation: Installation) -> tuple[bytes, str]:
        """Body and content type."""
        with installation.context.store.read() as unit:
            for state in State:
                query = CaseQuery(states=frozenset({state}))
                self._cases.labels(state.value).set(unit.cases.count(query))
        self._free.set(installation.context.blobs.free_bytes())
        for row in installation.engine.status():
            self._bundles.labels(row.name).set(1 if row.state.value == "ready" else 0)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
