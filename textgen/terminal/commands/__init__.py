"""One thin file a command: parse the options, call the workflow, show what it yields."""
