"""`audit_verify [--anchor FILE] [--json]`: check the whole ledger; exit 1 names the first bad sequence number.

The home's own file of checkpoints is looked at as well: it tells where the database was put back to an older state.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit import seal
from audit.checks import has_ledger, missing_triggers
from audit.copies import own_copies
from audit.verify import Report, split_notes, verify

MOST = 20  # problems that are printed


class Command(BaseCommand):
    """Reads everything, changes nothing."""

    help = (
        "Verify every event, seal and checkpoint, also against the home's checkpoints.txt and outside copies given "
        "with --anchor. Exit 1 where one is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            metavar="FILE",
            help="a file of checkpoints kept outside the database; may be repeated",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and print; exit 1 on any problem."""
        if not has_ledger():
            raise CommandError(f"There is no ledger in {settings.HOME}: is this the right home?")
        anchors, kept = _anchors(options["anchor"]), own_copies()
        report = verify(seal.signer().verifier_key, kept=kept, anchors=anchors)
        if kept.why:
            self.stderr.write(f"{kept.path} {kept.why}: the ledger was not held against it.")
        if why := seal.altered_key():
            report.blame(None, why)
        if missing := missing_triggers():
            report.blame(None, f"the ledger lost its guards: {', '.join(missing)}")
        self.stdout.write(as_json(report) if options["json"] else as_text(report))
        if not report.ok:
            sys.exit(1)


def _anchors(files: list[str]) -> list[str]:
    found: list[str] = []
    for name in files:
        try:
            found += split_notes(Path(name).read_text(encoding="utf-8"))
        except OSError as why:
            raise CommandError(f"Cannot read the anchor {name}: {why.strerror}.") from why
    return found


def as_json(report: Report) -> str:
    """Return the report as one JSON object."""
    said = {"ok": report.ok, "size": report.size, "root": report.root.hex(), "checkpoints": report.checkpoints,
            "copies": report.copies, "copies_file": report.copies_file,
            "anchors": report.anchors, "unsealed": report.unsealed, "first_bad": report.first_bad,
            "problems": report.problems}  # fmt: skip
    return json.dumps(said)


def as_text(report: Report) -> str:
    """Return the report in sentences."""
    if report.ok:
        waiting = f"; {report.unsealed} events wait for their seal" if report.unsealed else ""
        held = f"{report.size} events, {report.checkpoints} checkpoints hold"
        return f"ok: {held}; root {report.root.hex()}{waiting}; held against {report.held_against}"
    head = "BROKEN" if report.first_bad is None else f"BROKEN at #{report.first_bad}"
    lines = [head, *(f"  {problem}" for problem in report.problems[:MOST])]
    if len(report.problems) > MOST:
        lines.append(f"  and {len(report.problems) - MOST:,} more (--json names all of them)")
    return "\n".join([*lines, f"  held against {report.held_against}"])
