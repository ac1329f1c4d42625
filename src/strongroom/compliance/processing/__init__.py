"""The record of processing and the data-flow diagram, made from the catalogue and real traffic [2.2]."""

from strongroom.compliance.processing.flows import Party
from strongroom.compliance.processing.processing import Processing, Record
from strongroom.compliance.processing.register import Processed, record_of_processing
from strongroom.compliance.processing.table import as_csv, as_parts

__all__ = [
    "Party",
    "Processed",
    "Processing",
    "Record",
    "as_csv",
    "as_parts",
    "record_of_processing",
]
