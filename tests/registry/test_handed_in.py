"""What an archive that people hand in may hold."""

import io
import os
import zipfile

import pytest

from core.refusals import Invalid, TooLarge
from registry import handed_in
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


def test_an_archive_that_blows_up_is_refused_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_in, "BLOWN_UP_BYTES", 2**20)
    for content, fine in ((bytes(2**21), False), (os.urandom(2**21), True), (bytes(2**19), True)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("MLmodel", "flavors: {}")
            archive.writestr("model.bin", content)
        given = [Given("model.zip", packed)]
        if fine:
            assert len(handed_in._pieces(given)) == 2
            continue
        with pytest.raises(TooLarge, match="have 2 MiB, over 100 times what the archive has"):
            handed_in._pieces(given)
