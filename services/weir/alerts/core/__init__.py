"""What alerts decide: what matches a rule, when an alert fires and ends, whom to tell what, when to try again.

Pure: clocks and random numbers come in as arguments.
"""
