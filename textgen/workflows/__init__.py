"""One file for each command: what it does from start to end, as a generator of events."""
