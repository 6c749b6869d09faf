"""Observing events under the rules in force, telling receivers, delivering."""
