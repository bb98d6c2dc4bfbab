"""Every error says what happened and what to do; the drawing at the top of the file is the tree."""

from __future__ import annotations

import inspect
import re

import pytest

from foundation import errors
from foundation.errors import NuanshaoError

CLASSES = {name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, NuanshaoError)}


def drawing() -> dict[str, bool]:
    """Name → whether "(retry)" stands beside it, as drawn in the module's docstring."""
    lines = re.findall(r"^[├└]── (\w+) +\S.*$", errors.__doc__ or "", re.MULTILINE)
    return {name: bool(re.search(rf"── {name} .*\(retry\)$", errors.__doc__ or "", re.MULTILINE)) for name in lines}


def test_the_drawing_is_the_tree() -> None:
    below = {name: kind for name, kind in CLASSES.items() if kind is not NuanshaoError}
    assert drawing() == {name: kind.retryable for name, kind in below.items()}
    assert all(kind.__bases__ == (NuanshaoError,) for kind in below.values())
    assert list(drawing()) == sorted(below, key=lambda name: inspect.getsourcelines(below[name])[1])


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_has_a_docstring_of_its_own(name: str) -> None:
    assert (CLASSES[name].__dict__["__doc__"] or "").strip().endswith((".", "each one line."))


def test_an_error_reads_as_what_happened_and_what_to_do() -> None:
    error = errors.BrokerUnavailable("no answer from 127.0.0.1:1883", do="is it running?")
    assert str(error) == "no answer from 127.0.0.1:1883: is it running?"
    assert (error.what, error.do, error.retryable) == ("no answer from 127.0.0.1:1883", "is it running?", True)
    assert str(errors.NotFound("there is no alarm 7")) == "there is no alarm 7"
