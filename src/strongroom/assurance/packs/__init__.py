"""Packs of evidence for Amazon's auditor: built from the live house, proved by the log, checked offline [3]."""

from strongroom.assurance.packs.certificate import Certificate, Certifying
from strongroom.assurance.packs.overseeing import PacksOverseen
from strongroom.assurance.packs.pack import Pack
from strongroom.assurance.packs.packs import Built, Packs
from strongroom.assurance.packs.registers import Registers

__all__ = ["Built", "Certificate", "Certifying", "Pack", "Packs", "PacksOverseen", "Registers"]
