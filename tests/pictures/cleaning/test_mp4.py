"""Clips without their private data, read by an independent hand."""

import struct
import time

import pytest

from stashbot.pictures.cleaning.container import TooManyParts
from stashbot.pictures.cleaning.mp4 import erase_private
from tests.pictures.awkward import MP4


def box(name, *contents):
    body = b"".join(contents)
    return struct.pack(">L4s", 8 + len(body), name) + body


def erased(tmp_path, data):
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    erase_private(path)
    return path.read_bytes()


def with_track(handler, offset=0, sizes=(5, 7), same=0):
    """A clip with one more track, whose samples lie at an offset."""
    count = len(sizes)
    table = (
        box(b"stsz", struct.pack(f">LLL{count}L", 0, same, count, *sizes)),
        box(b"stsc", struct.pack(">LLLLL", 0, 1, 1, count, 1)),
        box(b"stco", struct.pack(">LLL", 0, 1, offset)),
    )
    media = box(
        b"mdia",
        box(b"hdlr", bytes(8), handler, bytes(12)),
        box(b"minf", box(b"stbl", *table)),
    )
    return box(b"moov", box(b"trak", media))


@pytest.mark.parametrize(
    "inside",
    [
        box(b"udta", box(b"\xa9xyz", b"+52.5200+013.4050/")),
        box(b"meta", box(b"keys", b"com.apple.quicktime.location.ISO6709 +52.5200")),
        box(b"uuid", b"<x:xmpmeta>+52.5200"),
        box(b"trak", box(b"udta", b"+52.5200"), box(b"mdia", box(b"hdlr", bytes(8), b"vide"))),
        box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), b"vide"), box(b"udta", b"+52.5200"))),
        box(b"free", b"an older place: +52.5200"),
        box(b"GPS ", b"+52.5200"),
    ],
    ids=["udta", "meta", "xmp", "in a track", "in its media", "free", "unknown"],
)
def test_a_position_is_erased_in_place(tmp_path, inside):
    data = box(b"ftyp", b"isom") + box(b"moov", inside, box(b"mvhd", b"times"))

    found = erased(tmp_path, data)

    assert b"52.5200" in data
    assert b"52.5200" not in found
    assert len(found) == len(data)
    assert found.endswith(box(b"mvhd", b"times"))


@pytest.mark.parametrize(
    "private",
    [
        box(b"uuid", b"<x:xmpmeta>+52.5200"),
        box(b"skip", b"+52.5200"),
        box(b"sefd", b"+52.5200"),
        box(b"moof", box(b"meta", b"+52.5200"), box(b"traf", box(b"udta", b"+52.5200"))),
        b"a trailer that is no box: +52.5200",
        struct.pack(">L4s", 2, b"file") + b"+52.5200",
    ],
    ids=["xmp", "skip", "unknown", "fragment", "trailer", "wrong length"],
)
def test_a_position_beside_the_pictures_is_erased(tmp_path, private):
    data = MP4 + private

    found = erased(tmp_path, data)

    assert b"52.5200" not in found
    assert found.startswith(erased(tmp_path, MP4))
    assert len(found) == len(data)


def test_a_clip_that_is_cut_in_its_tables_loses_its_position(tmp_path):
    data = box(b"ftyp", b"isom") + box(b"moov", box(b"udta", b"+52.5200"), bytes(90))[:-50]

    assert b"52.5200" not in erased(tmp_path, data)


def test_the_rest_of_a_real_clip_stays(tmp_path):
    found = erased(tmp_path, MP4)

    at = MP4.index(b"udta")
    length = int.from_bytes(MP4[at - 4 : at], "big")
    assert found == MP4[:at] + b"free" + bytes(length - 8) + MP4[at + length - 4 :]


@pytest.mark.parametrize(("sizes", "same"), [((5, 7), 0), ((1, 1, 1), 4)])
def test_measurements_are_erased_with_their_track(tmp_path, sizes, same):
    samples = b"+52.5200+013"
    start = len(with_track(b"meta", 0, sizes, same)) + 8
    data = with_track(b"meta", start, sizes, same) + box(b"mdat", samples, b"a picture")

    found = erased(tmp_path, data)

    assert found.endswith(box(b"mdat", bytes(12), b"a picture"))
    assert b"trak" not in found


def test_measurements_behind_a_short_moov_are_erased_whole(tmp_path):
    size = 100_000
    start = len(with_track(b"meta", 0, (size,))) + 8
    data = with_track(b"meta", start, (size,)) + box(b"mdat", b"52.52" * (size // 5), b"a picture")

    assert erased(tmp_path, data).endswith(box(b"mdat", bytes(size), b"a picture"))


def test_pictures_and_sound_stay(tmp_path):
    data = with_track(b"vide", 8) + with_track(b"soun", 8) + box(b"mdat", b"a picture")

    assert erased(tmp_path, data) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\1moov",
        struct.pack(">L4sQ", 1, b"moov", 2**63),
        struct.pack(">L4s", 0, b"moov") + struct.pack(">L4s", 3, b"trak"),
        with_track(b"meta", 2**32 - 1, (2**32 - 1,) * 2) + box(b"mdat", b"a picture"),
        box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr", b"x")))),
    ],
    ids=["empty", "cut", "endless", "zero", "far away", "no handler"],
)
def test_a_damaged_clip_is_bounded(tmp_path, data):
    assert len(erased(tmp_path, data)) == len(data)


def test_tables_that_name_chunks_again_and_again_are_bounded(tmp_path):
    rows = struct.pack(">LLL", 1, 1, 1) + struct.pack(">LLL", 20_001, 1, 1)
    table = (
        box(b"stsz", struct.pack(">LLL", 0, 2**32 - 1, 0)),
        box(b"stsc", struct.pack(">LL", 0, 2000) + rows * 1000),
        box(b"stco", struct.pack(">LL", 0, 20_000) + bytes(80_000)),
    )
    stbl = box(b"minf", box(b"stbl", *table))
    media = box(b"mdia", box(b"hdlr", bytes(8), b"meta", bytes(12)), stbl)
    began = time.process_time()
    erased(tmp_path, box(b"moov", box(b"trak", media)) + box(b"mdat", b"a picture"))

    assert time.process_time() - began < 2


def test_tracks_that_name_the_same_samples_are_bounded(tmp_path):
    behind = 1500 * len(with_track(b"meta"))
    tracks = with_track(b"meta", behind, (2**32 - 1,))[8:] * 1500
    began = time.process_time()
    erased(tmp_path, box(b"moov", tracks) + box(b"mdat", bytes(20_000_000)))

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "data",
    [
        box(b"wide") * 50_001,
        box(b"moov", box(b"trak", box(b"tkhd") * 300) * 300),
        box(b"moof", box(b"traf", box(b"tfhd") * 300)) * 300,
        box(b"moov", with_track(b"meta", 0, [1] * 100_000)[8:] * 4),
    ],
    ids=["beside each other", "in tracks", "in fragments", "rows of tables"],
)
def test_too_many_boxes_are_refused(tmp_path, data):
    began = time.process_time()
    with pytest.raises(TooManyParts, match="too many boxes"):
        erased(tmp_path, data)

    assert time.process_time() - began < 2


def test_a_clip_of_many_fragments(tmp_path):
    fragment = box(b"moof", box(b"mfhd"), box(b"traf", box(b"tfhd"), box(b"trun"))) + box(b"mdat")
    data = box(b"ftyp", b"isom") + fragment * 5000

    assert erased(tmp_path, data) == data
