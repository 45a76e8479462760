"""Make a plan from a request, a text and a machine, with a reason for every choice."""
