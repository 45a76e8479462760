"""Write files of many formats in memory, with the usual writer of each format."""

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable


def pdf(text: str) -> bytes:
    """Return a PDF of one page, as small as one can be written by hand, with an ASCII text."""
    content = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources "
        b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Root 1 0 R /Size 5 >>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 5\n0000000000 65535 f \n%s%s" % (table, trailer)


def zipped(texts: list[str], name: Callable[[int], str] = "{}.txt".format) -> bytes:
    """Return a zip archive with a file for each text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts):
            archive.writestr(name(number), text.encode())
    return buffer.getvalue()


def tarred(
    texts: list[str], name: Callable[[int], str] = "{}.txt".format, kind: bytes = tarfile.REGTYPE
) -> bytes:
    """Return a tar archive with an entry for each text; only those of a regular file hold it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, text in enumerate(texts):
            info, data = tarfile.TarInfo(name(number)), text.encode()
            info.type, info.linkname = kind, "/etc/passwd" if kind != tarfile.REGTYPE else ""
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def table(texts: list[str], delimiter: str) -> bytes:
    """Return a table with a column `text`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerows([["number", "text"], *enumerate(texts)])
    return buffer.getvalue().encode()


def parquet(texts: list[str]) -> bytes:
    """Return a Parquet file with a column `text`."""
    import pyarrow
    from pyarrow.parquet import write_table

    buffer = io.BytesIO()
    write_table(pyarrow.table({"number": [*range(len(texts))], "text": texts}), buffer)
    return buffer.getvalue()


# Writers of files with several texts, by the end of the name.
SEVERAL: dict[str, Callable[[list[str]], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "csv": lambda texts: table(texts, ","),
    "tsv": lambda texts: table(texts, "\t"),
    "json": lambda texts: json.dumps([{"text": text} for text in texts]).encode(),
    "jsonl": lambda texts: "".join(json.dumps({"text": text}) + "\n" for text in texts).encode(),
    "parquet": parquet,
}
