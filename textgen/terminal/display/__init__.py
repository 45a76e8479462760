"""What a terminal shows: numbers, tables, charts, heat maps, surprise, progress."""
