"""The house's own documents: policies and plans, with versions, approval, acknowledgement and a public page [2.2]."""

from strongroom.compliance.policies.kinds import (
    BLANKS,
    SPECS,
    Kind,
    Spec,
    kind_of,
    required,
    template,
)
from strongroom.compliance.policies.known import known_of
from strongroom.compliance.policies.overseeing import PolicyDuties
from strongroom.compliance.policies.policies import Policies, Standing
from strongroom.compliance.policies.published import Comparison, Found, Published
from strongroom.compliance.policies.store import Version
from strongroom.compliance.policies.told import Approval

__all__ = [
    "BLANKS",
    "SPECS",
    "Approval",
    "Comparison",
    "Found",
    "Kind",
    "Policies",
    "PolicyDuties",
    "Published",
    "Spec",
    "Standing",
    "Version",
    "kind_of",
    "known_of",
    "required",
    "template",
]
