"""Which system calls a model may make, as a seccomp filter. Landlock holds files in; this holds in what is no file.

A filter sees numbers, not what pointers point to. So calls that change what a path is (its mode, owner, times) are
taken whole: they seem to succeed, as libraries expect, and change nothing. Standard library only.
"""

import ctypes
import errno
import os
import platform
import struct

NO_NEW_PRIVS, SET_SECCOMP, FILTER, DROP_BOUNDING = 38, 22, 2, 24
CAPABILITIES = 64
CAPABILITY_VERSION = 0x20080522

# Per machine: its audit number and the place of its call numbers in CALLS.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
X32 = 0x40000000
ABSENT = -1
REFUSED = {
    # Other processes, and the machine
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "move_pages": (279, 239), "migrate_pages": (256, 238), "process_madvise": (440, 440),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "perf_event_open": (298, 241), "bpf": (321, 280),
    "userfaultfd": (323, 282), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "pidfd_send_signal": (424, 424),
    # The network
    "connect": (42, 203), "io_uring_setup": (425, 425),
    # Memory that is counted as nobody's
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
}  # fmt: skip
IN_VAIN = {
    "chmod": (90, ABSENT), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, ABSENT),
    "fchown": (93, 55), "lchown": (94, ABSENT), "fchownat": (260, 54), "utime": (132, ABSENT), "utimes": (235, ABSENT),
    "futimesat": (261, ABSENT), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466),
}  # fmt: skip
OF_ITSELF = {  # allowed where the first argument, a process, is 0
    "prlimit64": (302, 261), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274),
}  # fmt: skip
SIGNALS = {  # allowed where the first argument is its own number
    "kill": (62, 129), "tgkill": (234, 131), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}  # fmt: skip
SOCKET, SOCKETPAIR, CLONE, CLONE3 = (41, 198), (53, 199), (56, 220), (435, 435)
FCNTL, SET_PIPE_SIZE = (72, 25), 1031  # a pipe may be a MiB, which is counted as nobody's
NAMESPACES = 0x7E020080  # flags of clone: a new user namespace would bring capabilities
AF_UNIX, STREAM, KIND = 1, 1, 0x0F

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
NUMBER_AT, MACHINE_AT, FIRST_AT, SECOND_AT = 0, 4, 16, 24
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
ENDS = {"allow": ALLOW, "pretend": ERRNO, "refuse": ERRNO | errno.EACCES, "unknown": ERRNO | errno.ENOSYS}
Line = tuple[int, str | int, str | int, int]  # code, where to go if true and if false, number

libc = ctypes.CDLL(None, use_errno=True)


def hold_in(*, signals_too: bool) -> bool:
    """Leave this process and its children only harmless calls, for ever; False where the machine is unknown.

    No capability is left, whoever it runs as. `signals_too` keeps it from signalling others, where nothing else does.
    """
    _drop_capabilities()
    if platform.machine() not in MACHINES:
        return False
    program = b"".join(struct.pack("HBBI", *line) for line in _resolved(_lines(signals_too=signals_too)))
    text = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(text)))
    _checked(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(SET_SECCOMP, FILTER, header, 0, 0))
    return True


def _drop_capabilities() -> None:
    """None is left, and a program that is run as root gets none back."""
    for capability in range(CAPABILITIES):
        libc.prctl(DROP_BOUNDING, capability, 0, 0, 0)  # fails for those this kernel has not, and for who has none
    header = ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION, 0))
    _checked(libc.capset(header, ctypes.create_string_buffer(24)))


def _lines(*, signals_too: bool) -> list[Line]:
    """Return the filter. A word says where to go; 0 is the next line."""
    machine, place = MACHINES[platform.machine()]
    lines: list[Line] = [
        (LOAD, 0, 0, MACHINE_AT),
        (JUMP_EQUAL, 0, "refuse", machine),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_AT_LEAST, "refuse", 0, X32),
    ]
    for calls, goal in ((REFUSED, "refuse"), (IN_VAIN, "pretend")):
        lines += [(JUMP_EQUAL, goal, 0, call[place]) for call in calls.values() if call[place] != ABSENT]
    for call in OF_ITSELF.values():
        lines += _if_first_is(call[place], 0)
    for call in SIGNALS.values() if signals_too else ():
        lines += _if_first_is(call[place], os.getpid())
    lines += [(JUMP_EQUAL, "unknown", 0, CLONE3[place])]  # its flags cannot be seen; libraries use clone then
    lines += [(JUMP_EQUAL, 0, 3, CLONE[place]), (LOAD, 0, 0, FIRST_AT), (AND, 0, 0, NAMESPACES)]
    lines += [(JUMP_EQUAL, "allow", "refuse", 0)]
    lines += [(JUMP_EQUAL, 0, 2, FCNTL[place]), (LOAD, 0, 0, SECOND_AT), (JUMP_EQUAL, "refuse", "allow", SET_PIPE_SIZE)]
    kind: list[Line] = [(LOAD, 0, 0, SECOND_AT), (AND, 0, 0, KIND), (JUMP_EQUAL, "allow", "refuse", STREAM)]
    lines += [(JUMP_EQUAL, 0, 3, SOCKETPAIR[place]), *kind]
    lines += [
        (JUMP_EQUAL, 0, "allow", SOCKET[place]),
        (LOAD, 0, 0, FIRST_AT),
        (JUMP_EQUAL, 0, "refuse", AF_UNIX),
        *kind,
    ]
    return lines


def _if_first_is(call: int, value: int) -> list[Line]:
    """Return the lines that allow the call where its first argument is the value."""
    return [(JUMP_EQUAL, 0, 2, call), (LOAD, 0, 0, FIRST_AT), (JUMP_EQUAL, "allow", "refuse", value)]


def _resolved(lines: list[Line]) -> list[tuple[int, int, int, int]]:
    """Return the lines with distances for words, and the ends they lead to."""
    at = {word: len(lines) + place for place, word in enumerate(ENDS)}

    def distance(to: str | int, line: int) -> int:
        return at[to] - line - 1 if isinstance(to, str) else to

    made = [(code, distance(a, line), distance(b, line), number) for line, (code, a, b, number) in enumerate(lines)]
    return [*made, *((RETURN, 0, 0, value) for value in ENDS.values())]


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
