"""Takes rights away from this process, then becomes another program.

Landlock for files, where bubblewrap cannot give it a file system of its own, and a filter of system calls for the rest.
Standard library only; started by path, as its own program.
"""

import ctypes
import json
import os
import struct
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1
NO_NEW_PRIVS = 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | (1 << 14) | (1 << 15)  # truncate, device ioctl
RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
SCOPES_SINCE = 6
SCOPES = 3  # abstract sockets and signals
DEVICE_NODES = 1 << 6 | 1 << 11
LIST, READ = READ_DIR, EXECUTE | READ_FILE | READ_DIR
WRITE = ((1 << 15) - 1) & ~EXECUTE & ~DEVICE_NODES

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


def calls() -> ModuleType:
    """Return the module beside this one: started by path, this program has no packages."""
    spec = spec_from_file_location("calls", Path(__file__).with_name("calls.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"calls.py is not beside {__file__}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def main() -> None:
    """Confine this process as the first argument says, null for files that are held in already; then run the rest."""
    rules, filtering = json.loads(sys.argv[1]), calls()
    if rules is not None:
        files([(path, rights) for path, rights in rules])
    filtering.hold_in(signals_too=rules is not None and abi() < SCOPES_SINCE)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the server, in its own environment


if __name__ == "__main__":
    main()
