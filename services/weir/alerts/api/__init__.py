"""What comes in over HTTP: reading alerts, silences, tests, and sending again."""
