"""Each metric that we serve stands in the documents, and nothing stands there that we do not serve."""

from __future__ import annotations

import re
from pathlib import Path

from alerts.metrics import AlertsMetrics
from canary.metrics import CanaryMetrics
from ingest.commit import Counts
from ingest.metrics import IngestMetrics, Standing

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
STANDING = Standing(True, 0, 0, 0.0, 0, "", Counts())


def test_the_page_names_what_there_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    alerts = AlertsMetrics(lambda: 0)
    alerts.stand_by(lambda: False, lambda: 0)
    section = text[text.index("### Metrics") : text.index("### Several workers")]
    for prefix, registry in (
        ("nuanshao_ingest_", IngestMetrics(lambda: STANDING).registry),
        ("nuanshao_alerts_", alerts.registry),
        ("nuanshao_canary_", CanaryMetrics().registry),
    ):
        served = {metric.name.removeprefix(prefix) for metric in registry.collect() if prefix in metric.name}
        table = section[section.index(f"`{prefix}…`") :].split("\n\n")[0]
        cells = [line.split("|")[1] for line in table.splitlines()[2:]]
        names = {
            name.partition("{")[0].removesuffix("_total") for cell in cells for name in re.findall(r"`([^`]+)`", cell)
        }
        assert names == served
