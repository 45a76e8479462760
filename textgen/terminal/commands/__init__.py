"""One file for each command: parse the options, call the workflow, show its events."""
