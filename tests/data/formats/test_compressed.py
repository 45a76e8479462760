import bz2
import gzip
import io
import lzma
import sys

import pytest

from textgen.data.formats import compressed as module
from textgen.data.formats.compressed import unpacked
from textgen.errors import CorpusError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"line %d of a text\n" % number for number in range(2000))
PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    # Like the command zstd, with a checksum.
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_is_unpacked_also_if_it_has_several_parts(kind: str) -> None:
    pack = PACKERS[kind]
    assert unpacked(io.BytesIO(pack(TEXT)), kind, "t").read() == TEXT
    assert unpacked(io.BytesIO(pack(TEXT) + pack(b"end")), kind, "t").read() == TEXT + b"end"


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_that_is_cut_short_is_refused(kind: str) -> None:
    data = PACKERS[kind](TEXT)
    with pytest.raises(CorpusError, match=r"t.*cut short|t.*damaged"):
        unpacked(io.BytesIO(data[: len(data) // 2]), kind, "t").read()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_damaged_file_is_refused(kind: str) -> None:
    data = bytearray(PACKERS[kind](TEXT))
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 7] ^= 0xFF
    with pytest.raises(CorpusError, match=r"damaged|cut short"):
        unpacked(io.BytesIO(bytes(data)), kind, "t").read()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bzip2", "xz", "zstd"])
def test_a_file_that_grows_a_thousandfold_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES", 2**20)
    bomb = PACKERS[kind](bytes(2**24))
    stream = unpacked(io.BytesIO(bomb), kind, "bomb")
    with pytest.raises(CorpusError, match=r"bomb.*1,000-fold"):
        list(iter(lambda: stream.read(2**16), b""))
