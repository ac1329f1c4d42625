"""The benchmark: our figures beside their peers or limits, measured in one run on one machine."""

from strongroom.bench.figures import Part, Row
from strongroom.bench.run import machine, run

__all__ = ["Part", "Row", "machine", "run"]
