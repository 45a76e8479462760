"""The only floor that knows a terminal: commands, session, display."""
