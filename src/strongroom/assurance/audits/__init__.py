"""Audits by Amazon: requests, findings with plan, evidence and approval, and auditors who may look for a while [3]."""

from strongroom.assurance.audits.assessment import Asked, Assessment, Deficiency, Seat
from strongroom.assurance.audits.assessments import Assessments
from strongroom.assurance.audits.overseeing import AuditsOverseen
from strongroom.assurance.audits.seats import Seats

__all__ = [
    "Asked",
    "Assessment",
    "Assessments",
    "AuditsOverseen",
    "Deficiency",
    "Seat",
    "Seats",
]
