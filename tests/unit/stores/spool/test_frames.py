from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.stores.spool.frames import Gap, Place, decode, encode, scan

ROWS = st.lists(st.binary(max_size=60).map(lambda row: row.replace(b"\n", b" ")), min_size=1, max_size=4)


def frames_of(bodies: list[list[bytes]]) -> list[bytes]:
    return [encode("t.events", number, rows) for number, rows in enumerate(bodies, start=1)]


def test_the_format_is_what_is_documented() -> None:
    assert encode("q.b.events", 7, [b'{"a":1}', b"{}"]) == b'@1 q.b.events 7 2 11 4944fb13\n{"a":1}\n{}\n'


@settings(deadline=None)
@given(ROWS)
def test_a_frame_is_read_back(rows: list[bytes]) -> None:
    raw = encode("t", 12, rows)
    found = decode(b"xx" + raw, 2)
    assert found is not None
    frame, length = found
    assert (frame.sequence, frame.table, frame.n_rows, length) == (12, "t", len(rows), len(raw))
    assert frame.body.split(b"\n")[:-1] == rows


@settings(deadline=None)
@given(ROWS, st.data())
def test_no_cut_frame_is_taken_for_a_whole_one(rows: list[bytes], data: st.DataObject) -> None:
    raw = encode("t", 1, rows)
    assert decode(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None


@settings(deadline=None)
@given(ROWS, st.data())
def test_one_flipped_bit_is_noticed(rows: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(encode("t", 1, rows))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert decode(bytes(raw)) is None


@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6), st.data())
def test_damage_takes_only_the_frames_it_touches(bodies: list[list[bytes]], data: st.DataObject) -> None:
    frames = frames_of(bodies)
    raw = bytearray(b"".join(frames))
    start = data.draw(st.integers(0, len(raw) - 1))
    end = data.draw(st.integers(start + 1, min(len(raw), start + 40)))
    raw[start:end] = bytes(byte ^ 0xFF for byte in raw[start:end])
    offsets = [sum(map(len, frames[:index])) for index in range(len(frames) + 1)]
    untouched = [n + 1 for n in range(len(frames)) if offsets[n + 1] <= start or offsets[n] >= end]
    parts = list(scan(bytes(raw)))
    assert [p.sequence for p in parts if isinstance(p, Place)] == untouched
    assert sum(p.length for p in parts) == len(raw), "every byte is in a frame or in a gap"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_rubbish_is_one_gap(raw: bytes) -> None:
    assert list(scan(raw)) == ([Gap(0, len(raw))] if raw else [])
