"""The array types of the physics. One element is one unit of the fleet; every array of a model has the same length."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Floats32: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]

Metrics: TypeAlias = dict[str, Floats]
"""True values by metric name, before sensor noise and rounding; all arrays as long as the rows asked for."""

Generator: TypeAlias = np.random.Generator
