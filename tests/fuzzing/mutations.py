"""Inputs for the targets without a fuzzing engine: seeds cut, spliced and with bytes changed, drawn by hypothesis."""

import struct

from hypothesis import strategies as st

from tests.fuzzing.targets import seeds

# Numbers at which arithmetic goes wrong, in the widths that headers have.
ODD = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    *(struct.pack(f"{order}I", n) for order in "<>" for n in (0, 2**31, 2**32 - 1)),
]


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """One input of a target: a seed with up to eight changes, or bytes of no meaning."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.binary(max_size=600))
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 8))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        change = draw(st.sampled_from(["byte", "odd", "cut", "drop", "double", "text"]))
        if change == "cut":
            del data[place:]
        elif change == "drop":
            del data[place : place + draw(st.integers(1, 64))]
        elif change == "double":
            data[place:place] = data[place : place + draw(st.integers(1, 600))]
        elif change == "text":
            data[place:place] = draw(st.sampled_from([b"[", b"{", b"9" * 30, b'"', b"\n", b"\\ud800", b"-1", b"null"]))
        else:
            new = draw(st.sampled_from(ODD)) if change == "odd" else draw(st.binary(min_size=1, max_size=1))
            data[place : place + len(new)] = new
    return bytes(data)
