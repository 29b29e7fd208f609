"""Takes rights away from this process, then becomes another program. Runs where bubblewrap cannot.

Landlock for files, a system call filter for the network. Standard library only; started by path, as its own program.
"""

import ctypes
import errno
import json
import os
import platform
import struct
import sys
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | (1 << 14) | (1 << 15)  # truncate, device ioctl
RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
SCOPES_SINCE = 6
SCOPES = 3  # abstract sockets and signals
DEVICE_NODES = 1 << 6 | 1 << 11
LIST, READ = READ_DIR, EXECUTE | READ_FILE | READ_DIR
WRITE = ((1 << 15) - 1) & ~EXECUTE & ~DEVICE_NODES

# Per machine: its audit number, then socket, connect, io_uring_setup.
CALLS = {"x86_64": (0xC000003E, 41, 42, 425), "aarch64": (0xC00000B7, 198, 203, 425)}
X32 = 0x40000000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
AF_UNIX = 1

libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """Return which Landlock this kernel has; 0 for none."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG)))


def files(rules: list[tuple[str, int]]) -> None:
    """Leave this process and its children only these rights on files, for ever."""
    version = abi()
    handled = (1 << RIGHTS_BY_ABI.get(version, 16)) - 1
    ruleset = struct.pack("QQQ", handled, 0, SCOPES if version >= SCOPES_SINCE else 0)
    size = len(ruleset) if version >= SCOPES_SINCE else 8
    descriptor = _checked(libc.syscall(CREATE_RULESET, ruleset, size, 0))
    for path, rights in rules:
        if Path(path).exists():
            _allow(descriptor, path, rights & handled)
    _checked(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(RESTRICT_SELF, descriptor, 0))
    os.close(descriptor)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not Path(path).is_dir():
        rights &= FILE_RIGHTS
    _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    os.close(place)


def network() -> bool:
    """Leave this process no socket but local ones that others connect to. False where the machine is unknown."""
    if platform.machine() not in CALLS:
        return False
    program = b"".join(struct.pack("HBBI", *line) for line in _filter(*CALLS[platform.machine()]))
    text = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(text)))
    _checked(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(SET_SECCOMP, FILTER, header, 0, 0))
    return True


def _filter(machine: int, socket: int, connect: int, ring: int) -> list[tuple[int, int, int, int]]:
    """Return the filter: each line is an instruction, how far to jump if true and if false, and a number."""
    return [
        (LOAD, 0, 0, MACHINE_AT),
        (JUMP_EQUAL, 0, 8, machine),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_AT_LEAST, 6, 0, X32),
        (JUMP_EQUAL, 5, 0, connect),
        (JUMP_EQUAL, 4, 0, ring),
        (JUMP_EQUAL, 0, 2, socket),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_EQUAL, 0, 1, AF_UNIX),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def main() -> None:
    """Confine this process as the first argument says, then run the rest."""
    rules = [(path, rights) for path, rights in json.loads(sys.argv[1])]
    files(rules)
    network()
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the server, in its own environment


if __name__ == "__main__":
    main()
