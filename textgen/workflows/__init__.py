"""What a command does from start to end, as generators of events."""
