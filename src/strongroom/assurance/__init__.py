"""What an auditor asks for beside the records of compliance: assets, scans, releases, changes, suppliers, audits.

Rooms here lie above `strongroom.compliance` and tell it findings and dues through the same seam [2.3, 2.5, 2.7, 3].
"""
