"""Scans files in a process of its own, with little memory and time: `python -m registry.scan`, JSON in and out."""

import json
import logging
import resource
import sys

from registry.scan.files import Finding, findings

MEMORY, CPU_S = 3 * 2**30, 240


def main() -> None:
    """Read [[path, file, whether it is a pickle], …] and write [[path, why], …]: what is not known to be safe."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    logging.disable(logging.CRITICAL)  # picklescan logs what is said in the answer
    found: list[Finding] = []
    for path, place, pickled in json.load(sys.stdin):
        try:
            with open(place, "rb") as data:  # noqa: PTH123 - a digest's path, given by the caller
                found += findings(path, data, pickled=pickled)
        except (MemoryError, RecursionError, OSError) as why:
            found.append(Finding(path, f"it cannot be scanned: {type(why).__name__}"))
    json.dump([[one.path, one.why] for one in found], sys.stdout)


if __name__ == "__main__":
    main()
