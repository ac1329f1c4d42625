"""What people may ask of their own data, by the law they ask by: acts, sealed copies, letters, due days [2.2]."""

from strongroom.subjects.letters import letter, lifting_letter, longer_letter
from strongroom.subjects.package import Package, Packages
from strongroom.subjects.permits import Permits
from strongroom.subjects.requests import Requests, Shown
from strongroom.subjects.store import FoundRecord, Permit, Recipient, Step, SubjectRequest
from strongroom.subjects.wired import Subjects

__all__ = [
    "FoundRecord",
    "Package",
    "Packages",
    "Permit",
    "Permits",
    "Recipient",
    "Requests",
    "Shown",
    "Step",
    "SubjectRequest",
    "Subjects",
    "letter",
    "lifting_letter",
    "longer_letter",
]
