"""Who counts for which rule. Pure: people and their groups in, places filled out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from registry.policies.documents import Rule

Approvals = Mapping[str, Collection[str]]  # who approved, with the groups she was in then


@dataclass(frozen=True)
class Standing:
    """A rule, and whose approval counts for it."""

    rule: Rule
    people: tuple[str, ...]

    @property
    def missing(self) -> int:
        """How many more it needs."""
        return self.rule.count - len(self.people)


def standings(rules: Sequence[Rule], approvals: Approvals) -> list[Standing]:
    """Return how each rule stands. A person counts for one rule only; as many places are filled as can be."""
    places = [rule for rule in rules for _ in range(rule.count)]
    taken: dict[int, str] = {}
    for person in approvals:
        _seat(person, places, approvals, taken, set())
    by_rule = [tuple(taken[n] for n, place in enumerate(places) if place is rule and n in taken) for rule in rules]
    return [Standing(rule, people) for rule, people in zip(rules, by_rule, strict=True)]


def _seat(person: str, places: Sequence[Rule], approvals: Approvals, taken: dict[int, str], asked: set[int]) -> bool:
    """Give the person a place, where need be by moving others to other places of theirs; return whether it worked."""
    for number in sorted(range(len(places)), key=lambda number: number in taken):  # free ones first
        if number in asked or places[number].group not in approvals[person]:
            continue
        asked.add(number)
        if number not in taken or _seat(taken[number], places, approvals, taken, asked):
            taken[number] = person
            return True
    return False


def missing(rules: Sequence[Rule], approvals: Approvals) -> list[Rule]:
    """Return what is still to be given, as rules."""
    return [Rule(one.rule.group, one.missing) for one in standings(rules, approvals) if one.missing]


def would_count(rules: Sequence[Rule], approvals: Approvals, groups: Collection[str]) -> bool:
    """Whether the approval of one more person, who is in `groups`, fills a place."""
    before = sum(rule.count for rule in missing(rules, approvals))
    return sum(rule.count for rule in missing(rules, {**approvals, "": groups})) < before
