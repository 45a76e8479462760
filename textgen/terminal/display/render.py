"""Numbers, sizes and tables as text."""

from collections.abc import Iterable, Sequence

from textgen.readable import width, wrap_lines

# Space between two columns of a table.
GAP = "  "
# Smallest width in columns of a text that is wrapped beside other columns.
LEAST_TEXT = 20


def format_duration(seconds: float) -> str:
    """Write a duration: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_count(count: int, noun: str) -> str:
    """Write a number with a noun, such as `1 step` or `2,145 steps`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_batch(batch_size: int, sequence_length: int) -> str:
    """Describe the shape of a batch, such as `batches of 32 sequences of 64 characters`."""
    sequences = format_count(batch_size, "sequence")
    return f"batches of {sequences} of {format_count(sequence_length, 'character')}"


def format_bytes(count: int) -> str:
    """Write a size in decimal units.

    >>> format_bytes(512), format_bytes(4_200_000)
    ('512 bytes', '4.2 MB')
    """
    size, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 999.5 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{count} bytes" if unit == "bytes" else f"{size:.{1 if size < 99.5 else 0}f} {unit}"


def format_bits(bits: float | None) -> str:
    """Write a loss in bits per character, or a dash if there is none."""
    return "-" if bits is None else f"{bits:.3f}"


def format_table(
    rows: Sequence[Sequence[str]], columns: int | None = None, *, num_names: int = 1
) -> str:
    """Lay out rows in columns, so that no word or number is broken in a narrow terminal.

    Where there is no room for the table, the text of the last column is wrapped. Where this leaves
    too little room for it, and where the last column holds numbers, the rows become a list: the
    name of each row, and below it a line `head: value` for each of its other cells.

    Args:
        rows: the head and the other rows, all of the same length. Columns of numbers are aligned
            to the right, all others to the left.
        columns: width of the terminal in columns; None if there is no limit.
        num_names: number of the first cells that are the name of a row in the list.
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    right = [
        all(row[index][:1].isdecimal() or row[index] == "-" for row in rows[1:])
        for index in range(len(widths))
    ]
    left = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    room = widths[-1] if columns is None else columns - left
    is_wrapped = room >= LEAST_TEXT and not right[-1]
    if room < widths[-1] and not is_wrapped:
        return _format_list(rows, columns or 0, num_names)
    lines = []
    for row in rows:
        cells = [*map(_padded, row[:-1], widths, right)]
        last, *rest = wrap_lines(row[-1], room).split("\n") if is_wrapped else [row[-1]]
        cells.append(_padded(last, widths[-1], right[-1]))
        lines.append(GAP.join(cells).rstrip())
        lines += [" " * left + line for line in rest]
    return "\n".join(lines)


def _padded(cell: str, columns: int, to_right: bool) -> str:
    space = " " * (columns - width(cell))
    return space + cell if to_right else cell + space


def _format_list(rows: Sequence[Sequence[str]], columns: int, num_names: int) -> str:
    head, *body = rows
    lines = []
    for row in body:
        lines.append(wrap_lines(GAP.join(row[:num_names]).strip(), columns))
        for title, cell in zip(head[num_names:], row[num_names:], strict=True):
            if cell and cell != "-":
                lines.append(wrap_lines(f"  {title}: {cell}" if title else f"  {cell}", columns))
    return "\n".join(lines)


def format_labelled(pairs: Sequence[tuple[str, str]], columns: int | None) -> str:
    """Write labels, each with its text beside it; in a narrow terminal, the text stands below.

    Args:
        pairs: label and text. A text with an empty label belongs to the label before it. An
            indentation of the text stays.
        columns: width of the terminal in columns; None if there is no limit.
    """
    left = max(width(label) for label, _ in pairs) + len(GAP)
    if columns is None:
        return "\n".join(f"{label:<{left}}{text}".rstrip() for label, text in pairs)
    lines, is_beside = list[str](), columns - left >= LEAST_TEXT
    for label, text in pairs:
        if is_beside:
            parts = wrap_lines(text, columns - left).split("\n")
            names = [label] + [""] * (len(parts) - 1)
            lines += [
                f"{name:<{left}}{part}".rstrip() for name, part in zip(names, parts, strict=True)
            ]
        else:
            lines += [label] * bool(label) + wrap_lines(f"  {text}", columns).split("\n")
    return "\n".join(lines)


def format_notes(notes: Iterable[str], columns: int | None) -> str:
    """Write notes one below the other, wrapped to the width of the terminal if there is one."""
    text = "\n".join(notes)
    return text if columns is None else wrap_lines(text, columns)
