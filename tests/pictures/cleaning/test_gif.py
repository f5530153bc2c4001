"""GIFs without their private data."""

import pytest
from PIL import Image

from stashbot.pictures.cleaning.container import TooManyParts
from stashbot.pictures.cleaning.gif import erase_private
from tests.pictures.awkward import awkward

FILM = awkward("animated gif")
XMP = b"!\xff\x0bXMP DataXMP<x>+52.5200</x>" + bytes([1, *range(255, -1, -1), 0])


@pytest.mark.parametrize("as_document", [False, True])
@pytest.mark.parametrize("private", [b"!\xfe\x08+52.5200\0", XMP], ids=["comment", "xmp"])
def test_a_film_loses_its_private_data(fit, private, as_document):
    at = FILM.index(b"!\xf9")

    upload = fit(FILM[:at] + private + FILM[at:] + b"+52.5200", 2560, as_document=as_document)

    assert b"52.5200" not in upload.data
    assert upload.data.startswith(FILM[:at])
    assert upload.data.endswith(FILM[at:])
    assert len(upload.data) == len(FILM) + len(private)


def test_films_that_are_cut_anywhere_stay_as_they_are(tmp_path):
    file = tmp_path / "film.gif"
    for length in range(FILM.index(b"!\xf9"), len(FILM)):
        file.write_bytes(FILM[:length])
        erase_private(file)
        assert file.read_bytes() == FILM[:length]


def test_a_comment_that_is_cut_short(tmp_path):
    file = tmp_path / "film.gif"
    file.write_bytes(FILM[:-1] + b"!\xfe\x99+52.5200")
    erase_private(file)

    assert file.read_bytes() == FILM[:-1] + b"!\xfe\x99" + bytes(8)


def test_data_without_a_block_is_erased(tmp_path):
    path = tmp_path / "film.gif"
    path.write_bytes(FILM[:-1] + b"52.52 Anna")
    erase_private(path)

    assert b"52.52" not in path.read_bytes()
    with Image.open(path) as film:
        assert film.n_frames == 3


def test_a_gif_of_too_many_blocks_is_refused(tmp_path):
    path = tmp_path / "film.gif"
    path.write_bytes(FILM[:13] + b"\x21\xfe" + b"\1x" * 300_001)

    with pytest.raises(TooManyParts, match="too many blocks"):
        erase_private(path)
