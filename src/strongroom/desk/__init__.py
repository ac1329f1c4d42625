"""The pages that people sign on to, and see and change their own access [1.2, 1.4]."""
