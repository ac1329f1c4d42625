"""People with access: trained each year, let in by a checklist, and out within 24 hours [1.1, 1.2]."""

from strongroom.assurance.staff.member import JOINING, LEAVING, Member, Topic, Training
from strongroom.assurance.staff.overseeing import StaffOverseen
from strongroom.assurance.staff.staff import Staff

__all__ = ["JOINING", "LEAVING", "Member", "Staff", "StaffOverseen", "Topic", "Training"]
