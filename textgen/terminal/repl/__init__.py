"""The interactive session on a terminal: the loop, the line editor, the status line, history."""
