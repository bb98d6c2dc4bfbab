"""The one door to Grafana's SDK: everything else in this room imports it from here."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # the SDK calls the classic schema deprecated; it is what every Grafana from 9.4 to 13 can read
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models

__all__ = [
    "Builder",
    "Dataquery",
    "JSONEncoder",
    "bargauge",
    "builders",
    "common_builders",
    "common_models",
    "models",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
]
