"""The duties of the policy: as data, how each stands, and what people state of them [1, 2, 3]."""

from strongroom.compliance.duties.board import BLOCKING, KEPT, Board, Row, Status
from strongroom.compliance.duties.catalogue import (
    SECTIONS,
    Definition,
    Duty,
    Edition,
    Kind,
    Span,
    clocks,
    definitions,
    duty_of,
    revisions,
)
from strongroom.compliance.duties.catalogue import duties as all_duties
from strongroom.compliance.duties.duties import Duties
from strongroom.compliance.duties.entitled import Entitled
from strongroom.compliance.duties.said import Excuse, ExcuseKind, Item, Statement

__all__ = [
    "BLOCKING",
    "KEPT",
    "SECTIONS",
    "Board",
    "Definition",
    "Duties",
    "Duty",
    "Edition",
    "Entitled",
    "Excuse",
    "ExcuseKind",
    "Item",
    "Kind",
    "Row",
    "Span",
    "Statement",
    "Status",
    "all_duties",
    "clocks",
    "definitions",
    "duty_of",
    "revisions",
]
