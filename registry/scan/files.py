"""What one file of a model could do when it is loaded, judged by its bytes. Nothing is loaded, nothing is run."""

import ast
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from picklescan.scanner import scan_pickle_bytes

from registry.scan.allowed import is_allowed
from registry.scan.opcodes import would_run

TEXT = frozenset(
    {
        "",
        ".cfg",
        ".conf",
        ".css",
        ".csv",
        ".env",
        ".html",
        ".ini",
        ".json",
        ".jsonl",
        ".lock",
        ".log",
        ".md",
        ".rst",
        ".sig",
    }
    | {".sig", ".svg", ".toml", ".tsv", ".txt", ".vocab", ".xml", ".yaml", ".yml"}
)
PICKLES = frozenset({".bin", ".ckpt", ".cloudpickle", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
PROTOCOLS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
ZIP, NPY = b"PK\x03\x04", b"\x93NUMPY"
DATA = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"PAR1", b"%PDF-")
HEAD = 4096
SAFETENSORS_HEADER = 100_000_000  # bytes, as its own readers have it
DEEP, MEMBERS, UNPACKED = 3, 20_000, 8 * 2**30


@dataclass(frozen=True)
class Finding:
    """Why a file is not known to be safe."""

    path: str
    why: str


def findings(path: str, data: IO[bytes], depth: int = 0, *, pickled: bool = False) -> Iterator[Finding]:
    """Yield why the file is not known to be safe; nothing where it is. What nobody knows is unsafe.

    `data` can be read from any place again and again; it is judged by its bytes, its name only narrows what is allowed.
    `pickled` files are loaded as pickles, whatever their name says.
    """
    head = data.read(HEAD)
    data.seek(0)
    ending = PurePosixPath(path).suffix.lower()
    if head.startswith(ZIP):
        yield from _packed(path, data, depth)
    elif pickled or head.startswith(PROTOCOLS) or ending in PICKLES:
        yield from _pickled(path, data)
    elif head.startswith(NPY):
        yield from _array(path, data)
    elif would_run(data):
        yield Finding(path, "it is a pickle that runs something, whatever it is called")
    elif not _is_data(ending, head, data):
        yield Finding(path, _unknown(ending))


def _unknown(ending: str) -> str:
    return f"nobody knows what a file {ending or 'of this kind'} does when it is loaded"


def _is_data(ending: str, head: bytes, data: IO[bytes]) -> bool:
    """Whether it is a kind of file whose readers run nothing of it."""
    data.seek(0)
    if ending == ".safetensors":
        return _is_safetensors(data)
    if ending == ".onnx":
        return head[:1] == b"\x08"
    if ending == ".ubj":
        return head[:1] == b"{"
    return head.startswith(DATA) or (ending in TEXT and _is_text(data))


def _is_safetensors(data: IO[bytes]) -> bool:
    """Whether it begins with its length and a header of JSON that says where each tensor lies."""
    try:
        size = struct.unpack("<Q", data.read(8))[0]
        said = json.loads(data.read(size)) if size <= SAFETENSORS_HEADER else None
    except (ValueError, struct.error, RecursionError):
        return False
    return isinstance(said, dict) and all(isinstance(one, dict) for one in said.values())


def _is_text(data: IO[bytes]) -> bool:
    """Whether all of it is UTF-8 without control characters: no binary file is."""
    try:
        words = io.TextIOWrapper(io.BufferedReader(_Kept(data)), encoding="utf-8")  # type: ignore[type-var]
        return all(not set(line) & CONTROL for line in words)
    except UnicodeDecodeError:
        return False


CONTROL = {chr(code) for code in range(32)} - {"\t", "\n", "\r", "\f"}


class _Kept(io.RawIOBase):
    """Reads `data` and leaves it open."""

    def __init__(self, data: IO[bytes]) -> None:
        self.data = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        found = self.data.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _globals_of(data: IO[bytes]) -> tuple[set[tuple[str, str]], bool]:
    """Return what a pickle imports, and whether it could be read to its end."""
    result = scan_pickle_bytes(data, "", multiple_pickles=True)
    return {(one.module, one.name) for one in result.globals}, not result.scan_err


def _pickled(path: str, data: IO[bytes]) -> Iterator[Finding]:
    """A pickle imports what it names: each has to be on the list, and all of it has to be readable."""
    try:
        named, whole = _globals_of(data)
    except (ValueError, IndexError, EOFError, OSError, struct.error) as why:
        yield Finding(path, f"the pickle cannot be read: {str(why)[:120]}")
        return
    unknown = sorted(f"{module}.{name}" for module, name in named if not is_allowed(module, name))
    if unknown:
        yield Finding(path, f"loading it runs {', '.join(unknown)[:300]}, not on the list")
    if not whole:
        yield Finding(path, "the pickle cannot be read to its end")
    elif not named and not _ends_as_a_pickle(data):
        yield Finding(path, "it is no pickle that can be read: packed, or something else")


def _ends_as_a_pickle(data: IO[bytes]) -> bool:
    """Whether a file that names nothing is a pickle of plain data, and not something packed."""
    data.seek(0)
    starts = data.read(2).startswith(PROTOCOLS)
    data.seek(-1, io.SEEK_END)
    return starts and data.read(1) == b"."


def _packed(path: str, data: IO[bytes], depth: int) -> Iterator[Finding]:
    """An archive is as safe as each of its members; a bomb, or one that needs a password, is not."""
    if depth >= DEEP:
        yield Finding(path, "archives lie too deep in each other")
        return
    try:
        with zipfile.ZipFile(data) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS or sum(one.file_size for one in members) > UNPACKED:
                yield Finding(path, "it unpacks to too much")
                return
            for member in members:
                if not member.is_dir():
                    yield from _member(f"{path}/{member.filename}", archive, member, depth)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as why:
        yield Finding(path, f"the archive cannot be read: {str(why)[:120]}")


def _member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, depth: int) -> Iterator[Finding]:
    """Storages of PyTorch (`data/0`) are raw numbers: no loader reads them as anything else."""
    inner = member.filename.split("/")
    if len(inner) > 1 and inner[-2] == "data" and inner[-1].isdigit():
        return
    with archive.open(member) as opened:
        yield from findings(path, opened, depth + 1)


def _array(path: str, data: IO[bytes]) -> Iterator[Finding]:
    """An array of numbers is data; one of objects holds a pickle."""
    data.seek(len(NPY))
    major = data.read(2)[0]
    size = struct.unpack("<H", data.read(2))[0] if major == 1 else struct.unpack("<I", data.read(4))[0]
    try:
        described = ast.literal_eval(data.read(min(size, 2**16)).decode("latin-1"))
        kind = str(described["descr"])
    except (ValueError, SyntaxError, KeyError, TypeError):
        yield Finding(path, "the array cannot be read")
        return
    if "O" in kind:
        yield Finding(path, "an array of objects, which is a pickle")
