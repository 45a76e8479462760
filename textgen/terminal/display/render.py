"""Numbers, sizes and tables as text."""

from collections.abc import Sequence


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


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns.

    Args:
        rows: the head and the other rows, all of the same length. Columns of numbers are aligned
            to the right, all others to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [
        all(row[index][:1].isdecimal() or row[index] == "-" for row in rows[1:])
        for index in range(len(widths))
    ]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)
