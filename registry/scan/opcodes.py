"""Whether bytes would run something if a program loaded them as a pickle, whatever they are called or begin like.

A pickle needs no protocol mark, and its opcodes are letters: text or the mark of an image may be the beginning of one.
Nothing is loaded: opcodes are read with the stack that they need, until one that no loader would get past.
"""

import pickletools
from typing import IO, Any

MOST = 100_000  # opcodes; a file that goes on so long is a pickle, whatever it is called
NAMES = frozenset({"GLOBAL", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
CALLS = frozenset({"REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
OPCODES = frozenset(ord(opcode.code) for opcode in pickletools.opcodes)


def would_run(data: IO[bytes]) -> bool:
    """Whether loading all of `data` as a pickle would call or build something it names, however it ends.

    Also where it goes on for more than `MOST` opcodes. Ends at the first byte in nearly all text and data.
    """
    data.seek(0)
    if not (first := data.read(1)) or first[0] not in OPCODES:
        return False
    data.seek(0)
    stack: list[Any] = []
    named = False
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            _step(stack, opcode)
            named = named or opcode.name in NAMES
            if count >= MOST or _calls(opcode.name, argument, named=named):
                return True
    except (ValueError, IndexError, OverflowError):  # where it is none, or ends
        return False
    return False


def _calls(name: str, argument: object, *, named: bool) -> bool:
    return (name in CALLS and named) or (name == "INST" and argument is not None)


def _step(stack: list[Any], opcode: pickletools.OpcodeInfo) -> None:
    """Take from the stack what the opcode needs and put there what it leaves. Raises IndexError where it lacks."""
    before = opcode.stack_before
    if pickletools.markobject in before or opcode.name == "POP_MARK":
        while stack.pop() is not pickletools.markobject:
            pass
        before = before[: before.index(pickletools.markobject)] if pickletools.markobject in before else []
    for _ in before:
        stack.pop()
    stack += opcode.stack_after
