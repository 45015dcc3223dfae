"""Collects the figures of all sources when Prometheus asks, and keeps them for some seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)


class Source(NamedTuple):
    """Something that is asked for figures. `collect` raises an exception if the source does not answer."""

    name: str
    collect: Callable[[], Iterable[Metric]]


class CachedCollector(Collector):
    """Asks each source at most once per `cache_seconds`. A source that fails costs only its own figures."""

    def __init__(self, sources: Iterable[Source], cache_seconds: float) -> None:
        self.sources = list(sources)
        self.cache_seconds = cache_seconds
        self.failures = dict.fromkeys((source.name for source in self.sources), 0)
        self.down: set[str] = set()
        self._lock = threading.Lock()
        self._collected: list[Metric] = []
        self._due = 0.0

    def collect(self) -> list[Metric]:
        """Return the figures. Scrapes that come at the same time wait for the same answer."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._collected = self._ask_all()
                self._due = time.monotonic() + self.cache_seconds
            return self._collected

    def _ask_all(self) -> list[Metric]:
        up = GaugeMetricFamily(
            "shardgan_source_up", "Whether the source of figures answers (1) or not (0).", labels=["source"]
        )
        failures = CounterMetricFamily(
            "shardgan_source_failures",
            "How often the source did not answer since the endpoint started.",
            labels=["source"],
        )
        seconds = GaugeMetricFamily(
            "shardgan_source_seconds", "Time that the source took for its last answer.", labels=["source"]
        )
        found: list[Metric] = []
        for source in self.sources:
            started = time.monotonic()
            figures = self._ask(source)
            found += figures or []
            up.add_metric([source.name], float(figures is not None))
            failures.add_metric([source.name], self.failures[source.name])
            seconds.add_metric([source.name], time.monotonic() - started)
        return [*found, up, failures, seconds]

    def _ask(self, source: Source) -> list[Metric] | None:
        """Return the figures of one source, or None if it does not answer."""
        try:
            figures = list(source.collect())
        except Exception as error:
            self.failures[source.name] += 1
            if source.name not in self.down:  # one line per outage, not one per scrape
                logger.warning("no figures from %s: %s: %s", source.name, type(error).__name__, error)
            self.down.add(source.name)
            return None
        if source.name in self.down:
            logger.warning("%s answers again", source.name)
            self.down.remove(source.name)
        return figures
