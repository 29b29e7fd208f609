"""How a unit is named in the log: by a hash under its rollout's key, so that nobody else can tell whose it is.

`router/unit.lua` computes the same in the router.
"""

import hashlib

WORD = 2**64 - 1
STARTS = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def key_of(salt: str) -> str:
    """Return the key of a rollout with this salt, 16 bytes in hexadecimal."""
    return hashlib.sha256(f"unit {salt}".encode()).hexdigest()[:32]


def name_of(unit: str, key: str) -> str:
    """Return the unit's SipHash-2-4 under `key`, in hexadecimal (Aumasson and Bernstein, 2012)."""
    first, second = int(key[:16], 16), int(key[16:], 16)
    state = tuple(word ^ start for word, start in zip((first, second) * 2, STARTS, strict=True))
    text = unit.encode()
    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        a, b, c, d = _round(_round((*state[:3], state[3] ^ word)))
        state = (a ^ word, b, c, d)
    a, b, c, d = state[0], state[1], state[2] ^ 0xFF, state[3]
    for _ in range(4):
        a, b, c, d = _round((a, b, c, d))
    return f"{a ^ b ^ c ^ d:016x}"


def _round(state: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = state
    a = (a + b) & WORD
    b = _turned(b, 13) ^ a
    a = _turned(a, 32)
    c = (c + d) & WORD
    d = _turned(d, 16) ^ c
    a = (a + d) & WORD
    d = _turned(d, 21) ^ a
    c = (c + b) & WORD
    b = _turned(b, 17) ^ c
    return a, b, _turned(c, 32), d


def _turned(word: int, by: int) -> int:
    return ((word << by) | (word >> (64 - by))) & WORD
