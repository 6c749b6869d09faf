"""Pure parts of the quality alarms: scores of events, signals, records, sentences."""
