"""What is shown: numbers, tables, charts, heat maps, surprise, progress."""
