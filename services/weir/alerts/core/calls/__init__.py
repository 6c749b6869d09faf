"""Rules over calls: what a call tells, kept in panes of event time, read at the end of each pane. Pure."""
