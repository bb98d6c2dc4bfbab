"""What `nuanshao doctor` says of a broker, by what the broker calls itself."""

from __future__ import annotations

import pytest

from demo.doctor import broker_line


@pytest.mark.parametrize("said", ["mosquitto version 2.1.2", "mosquitto version 3.0.0", "mosquitto version 2.10.0"])
def test_a_fast_mosquitto_is_shown_and_no_more(said: str) -> None:
    assert broker_line(said) == f"Mosquitto {said.rpartition(' ')[2]} lets us in"


@pytest.mark.parametrize("said", ["mosquitto version 2.0.21", "mosquitto version 1.6.12"])
def test_of_an_older_one_it_is_said_what_that_costs(said: str) -> None:
    assert "half of what 2.1 does" in broker_line(said)
    assert said.rpartition(" ")[2] in broker_line(said)


@pytest.mark.parametrize("said", ["", "EMQX 5.8.6"])
def test_of_others_nothing_is_claimed(said: str) -> None:
    line = broker_line(said)
    assert line.startswith("lets us in")
    assert "half" not in line
