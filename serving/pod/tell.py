"""Tells Signoff what the pod's server answered, and the server who may ask. Standard library only.

Lines wait in the server's own file, which is bounded, for as long as Signoff is away. Lines sent twice count once.
"""

import json
import sys
from pathlib import Path

from serving import contract
from serving.contract import ContractError, Desired, FeaturePolicy, Layout, TokenTable
from serving.evidence import tail
from serving.evidence.tail import START, Mark
from serving.pod.source import Later, Source

BATCH_BYTES, LINES = 2**20, 5_000


class Teller:
    """One pod's lines, told in order; how far it came survives its own restart."""

    def __init__(self, layout: Layout, order: Desired, source: Source) -> None:
        self.layout, self.order, self.source = layout, order, source
        self.kept = layout.root / "told.json"
        self.mark = _kept(self.kept)
        self.refused = 0

    def turn(self) -> bool:
        """Bring the table of tokens up to date and tell what is new; return whether more waits. Raises Later."""
        self._learn()
        return self._told()

    def _learn(self) -> None:
        """Write down who may ask, and what may be told of what they send."""
        for what, path, kind in (
            ("tokens", self.layout.tokens, TokenTable),
            ("feature-policy", self.layout.feature_policy(self.order.endpoint), FeaturePolicy),
        ):
            try:
                document = contract.parse(self.source.small(what), kind, what)
            except ContractError as why:
                raise Later(str(why)) from why
            contract.dump(path, document)

    def _told(self) -> bool:
        path = self.layout.evidence(self.order.replica)
        lines, mark = tail.read(path, self.mark, BATCH_BYTES, LINES)
        if mark == self.mark:
            return False
        if said := [line for line in lines if line]:
            answer = self.source.tell(b"\n".join(said))
            self._note(answer)
        self.mark = mark
        draft = self.kept.with_suffix(".draft")
        draft.write_text(json.dumps([mark.inode, mark.offset]), encoding="utf-8")
        draft.replace(self.kept)
        return len(lines) >= LINES

    def _note(self, answer: dict[str, object]) -> None:
        """Say once in the log why lines are refused; telling them again would change nothing."""
        refused = int(str(answer.get("refused") or 0))
        if refused and not self.refused:
            problems = answer.get("problems")
            sys.stderr.write(f"Signoff refuses {refused} lines: {json.dumps(problems)[:500]}\n")
        self.refused += refused


def _kept(path: Path) -> Mark:
    try:
        inode, offset = json.loads(path.read_bytes())
        return Mark(int(inode), int(offset))
    except (OSError, ValueError, TypeError):
        return START
