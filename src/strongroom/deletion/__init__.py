"""Amazon's notices to delete or return data: from their arrival to a certificate that others can check [1.7].

A notice is registered, planned over every store that may hold what it is about, approved by a second person, run,
verified store by store, certified, and closed when everybody who received the data has confirmed that it is gone there.
"""
