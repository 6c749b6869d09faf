"""Calls behind every API: who calls, whether there is room, the record of it all."""
