"""How many messages one recipient gets: the rows of data/budgets.yaml."""

from __future__ import annotations

from pydantic import Field

from catalogue.rows import Row, load_rows


class Budget(Row):
    """Of one way and template; for one recipient, in a rolling hour and day."""

    way: str
    template: str
    per_hour: int = Field(ge=1)
    per_day: int = Field(ge=1)
    for_digests: int = Field(ge=0)


BUDGETS: tuple[Budget, ...] = load_rows("budgets.yaml", Budget)
BUDGET: dict[tuple[str, str], Budget] = {(row.way, row.template): row for row in BUDGETS}
