"""A query to TimescaleDB as Grafana's PostgreSQL data source reads it; the SDK has none."""

from __future__ import annotations

from typing import Literal

from dashboards.sdk import Builder, Dataquery, common_models

DATASOURCE_UID = "nuanshao-timescaledb"
DATASOURCE_TYPE = "postgres"
"""Since Grafana 11 an alias of grafana-postgresql-datasource; older ones know only this name."""

Format = Literal["table", "time_series"]


def datasource() -> common_models.DataSourceRef:
    """The provisioned data source; its uid is fixed in provisioning/datasources."""
    return common_models.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)


class PostgresTarget(Dataquery):
    """One SQL query. `time_series` wants a column `time` in ascending order; `table` takes any."""

    def __init__(self, sql: str, form: Format, ref_id: str = "A") -> None:
        self.sql = sql
        self.form = form
        self.ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        """The fields that Grafana reads, in its own spelling."""
        return {
            "refId": self.ref_id,
            "datasource": datasource(),
            "editorMode": "code",
            "format": self.form,
            "rawQuery": True,
            "rawSql": self.sql,
        }


class PostgresQuery(Builder[Dataquery]):
    """The SDK's panels take builders; this is the one of `PostgresTarget`."""

    def __init__(self, sql: str, form: Format = "table", ref_id: str = "A") -> None:
        self.target = PostgresTarget(sql, form, ref_id)

    def build(self) -> Dataquery:
        """The target itself."""
        return self.target
