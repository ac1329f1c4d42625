"""Suppliers: who gets Amazon's data besides us, and where it is kept; assessed before access and each year [3]."""

from strongroom.assurance.suppliers.overseeing import SuppliersOverseen
from strongroom.assurance.suppliers.supplier import Assessed, Contract, Role, Supplier
from strongroom.assurance.suppliers.suppliers import Suppliers

__all__ = ["Assessed", "Contract", "Role", "Supplier", "Suppliers", "SuppliersOverseen"]
