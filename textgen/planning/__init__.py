"""From what was asked, the text and the machine to a plan, with the reason of every choice."""
