"""What an archive that people hand in may hold."""

import io
import zipfile

import pytest

from core.refusals import Invalid
from registry.handed_in import Given, Piece


def test_a_file_whose_compressed_bytes_are_damaged_is_refused_by_name() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MLmodel", bytes(range(256)) * 40)
    content = bytearray(packed.getvalue())
    content[30 + len("MLmodel")] = 0x07  # right behind the header: a kind of block that deflate does not have
    body = io.BytesIO(bytes(content))
    piece = Piece("MLmodel", zipfile.ZipFile(body), Given("model.zip", body), "MLmodel")
    with pytest.raises(Invalid, match="MLmodel cannot be read from the archive"):
        list(piece.chunks())
