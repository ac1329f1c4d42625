"""Paper: labels of Amazon's handed out whole, packing slips and address labels made for an order [2.3].

What leaves here is for a printer. It came through the vault's door like any value, and besides that the log says how
many pages it had: on 2.3 they have to be destroyed when they have served.
"""

from strongroom.paper.pages import draw_statement
from strongroom.paper.paper import MOST_LINES, Ask, Paper, Printed, report
from strongroom.paper.sheets import SIZES, Line, Text

__all__ = [
    "MOST_LINES",
    "SIZES",
    "Ask",
    "Line",
    "Paper",
    "Printed",
    "Text",
    "draw_statement",
    "report",
]
