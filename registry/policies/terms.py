"""What the policies that hold for a request ask for together: of each thing, the strictest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import clock
from registry.policies.book import Governing
from registry.policies.documents import CheckSpec, Freeze, Rule


@dataclass(frozen=True)
class Terms:
    """At least one policy; the first is that of the move itself."""

    policies: tuple[Governing, ...]

    @property
    def rules(self) -> list[Rule]:
        """Who has to approve: of each group, the most that one policy asks for."""
        most: dict[str, int] = {}
        for rule in (rule for one in self.policies for rule in one.document.rules):
            most[rule.group] = max(rule.count, most.get(rule.group, 0))
        return [Rule(group, count) for group, count in most.items()]

    @property
    def approvals(self) -> int:
        """How many people have to approve: each counts once."""
        return sum(rule.count for rule in self.rules)

    @property
    def checks(self) -> list[CheckSpec]:
        """The automatic checks of all, each once."""
        return list(dict.fromkeys(spec for one in self.policies for spec in one.document.checks))

    @property
    def expires(self) -> timedelta | None:
        """The shortest time after which a request ends, or None where no policy says one."""
        return min((one.document.expires for one in self.policies if one.document.expires), default=None)

    @property
    def due(self) -> timedelta | None:
        """The shortest time in which a request is to be decided, or None where no policy says one."""
        return min((one.document.due for one in self.policies if one.document.due), default=None)

    @property
    def wait(self) -> timedelta:
        """The longest time between a request and its approval."""
        return max(one.document.wait for one in self.policies)

    @property
    def titles(self) -> str:
        """The policies by name and version, for people."""
        return " and ".join(f"{one.name} v{one.version}" for one in self.policies)

    @property
    def named(self) -> dict[str, object]:
        """What the ledger keeps: the first policy by name, version and digest, and those beside it."""
        first, *others = (one.named for one in self.policies)
        return {**first, "with": others} if others else first

    def frozen(self, moment: datetime) -> Freeze | None:
        """Return the freeze that `moment` lies in, or None."""
        windows = (window for one in self.policies for window in one.document.freezes)
        return next((window for window in windows if window.start <= moment < window.end), None)

    def freeze_words(self, moment: datetime) -> str:
        """Return why nothing is approved or carried out at `moment`, or an empty string."""
        window = self.frozen(moment)
        return window.words if window else ""

    def wait_words(self, opened_at: datetime, moment: datetime) -> str:
        """Return until when a request of `opened_at` cannot be approved yet, or an empty string."""
        ends_at = opened_at + self.wait
        return f"It can be approved from {clock.minute(ends_at)} on." if moment < ends_at else ""


def shared(policies: Sequence[Governing]) -> Terms:
    """Return the terms of `policies`, each once."""
    return Terms(tuple(dict.fromkeys(policies)))
