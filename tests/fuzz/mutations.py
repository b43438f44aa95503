"""Random damage to json content, texts and bytes, decided by a seed."""

from __future__ import annotations

import copy
import random

ODD = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**53 + 1, 2**63, 2**70, 10**400, 1e9, 2.6e8, -0.5, 1e308),
    *(float("nan"), float("inf"), "", "x", "1", "\0", "\ufeff", "../../etc/x", "C:\\a\\b"),
    *([], {}, [[]], [None], {"id": 1}, [1, 2, 3], [[0, 0, 1e9, 0, 5, 5]], [[1, 2, 3, 4]]),
    *({"size": [2, 2], "counts": "13"}, {"size": [24, 32], "counts": [768]}),
)


def mutated(content: object, generator: random.Random) -> object:
    """A copy of json content with one to three faults."""
    content = copy.deepcopy(content)
    for _ in range(generator.randint(1, 3)):
        places = list(_places(content))
        if not places:
            break
        owner, key = generator.choice(places)
        _damage(owner, key, generator)
    return content


def _places(content: object) -> list[tuple]:
    """Every (container, key) below an object."""
    found, waiting = [], [content]
    while waiting:
        owner = waiting.pop()
        items = owner.items() if isinstance(owner, dict) else enumerate(owner) if isinstance(owner, list) else ()
        for key, value in items:
            found.append((owner, key))
            waiting.append(value)
    return found


def _damage(owner: dict | list, key: object, generator: random.Random) -> None:
    kind = generator.randrange(5)
    value = owner[key]
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, list):
        owner.append(copy.deepcopy(value))
    elif kind == 2 and isinstance(value, str):
        owner[key] = mutated_text(value, generator)
    elif kind == 3 and type(value) in (int, float):
        owner[key] = generator.choice((-value, value + 1, value * 1000, value // 2, _as_float(value), str(value)))
    else:
        owner[key] = copy.deepcopy(generator.choice(ODD))


def _as_float(value: float) -> float:
    try:
        return float(value) + 0.5
    except OverflowError:  # json has whole numbers of any size
        return float("inf")


def mutated_text(text: str, generator: random.Random) -> str:
    """A text with one to three characters changed, added or dropped, or its end cut off."""
    letters = list(text)
    for _ in range(generator.randint(1, 3)):
        place = generator.randrange(len(letters) + 1)
        kind = generator.randrange(4)
        if kind == 0:
            letters.insert(place, chr(generator.choice((0, 32, 200, 0x4E00, *range(48, 112)))))
        elif kind == 1:
            del letters[place : place + 1]
        elif kind == 2 and place < len(letters):
            letters[place] = chr(generator.choice(range(33, 127)))
        else:
            del letters[place:]
    return "".join(letters)


def mutated_bytes(content: bytes, generator: random.Random) -> bytes:
    """Bytes with one to four faults: some flipped, a part dropped, put in, repeated or zeroed, the end cut off."""
    damaged = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(damaged) + 1)
        length = min(1 + int(generator.expovariate(1 / 16)), len(damaged))
        kind = generator.randrange(7)
        if kind <= 2 and place < len(damaged):
            damaged[place] ^= 1 << generator.randrange(8)
        elif kind == 3:
            del damaged[place : place + length]
        elif kind == 4:
            damaged[place:place] = generator.choice((bytes(length), damaged[:length], generator.randbytes(length)))
        elif kind == 5:
            damaged[place : place + length] = generator.randbytes(length)
        elif generator.random() < 0.5:
            del damaged[place:]
    return bytes(damaged)
