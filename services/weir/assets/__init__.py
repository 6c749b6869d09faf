"""What definitions may say, for those who store them and those who run them: one reader, so that both agree.

Pure: no clock, no I/O. Below the services, because services do not import each other.
"""
