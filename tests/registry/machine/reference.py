"""What governance is, in a few lines of plain Python: who may move what, on whose signatures, and what ends a request.

No database, no product code but the names of stages. Each deed returns one word for what comes of it.
"""

from dataclasses import dataclass, field

WRITERS = {"dana", "eli", "rex"}  # the owner, the ML engineer's role, a grant
TRAINER = "ray"  # whose run every version is from
LASTS = 7  # days
STAGERS = {"eli", "olga", "remy"}
OPS = {"olga", "remy"}
ASKERS = {"dana", "eli", "olga", "rex", "remy", "ray"}
DECIDERS = {"rita", "rob", "rex", "remy", "ray"}
TIERS = ["low", "medium", "high"]
LIMITERS = {"rita", "rob", "ada", "rex", "remy", "ray"}
ACTIVE = {"Staging", "Production"}
MOVED, SAME, DENIED, REFUSED, ENDED = "moved", "same", "denied", "refused", "ended"
USABLE = {"open", "approved"}


@dataclass
class Version:
    """A version of the model."""

    registrant: str
    stage: str = "None"
    deleted: bool = False


@dataclass
class Request:
    """Somebody asks for `goal` (a stage or @alias); `subject` is what the registry said of it then."""

    version: int
    goal: str
    archive: bool
    requester: str
    needed: int
    expires: int
    subject: object = None
    state: str = "open"
    words: dict[str, str] = field(default_factory=dict)


@dataclass
class Reference:
    """The registry as it should be. `day` is the time."""

    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    protected: set[str] = field(default_factory=lambda: {"champion"})
    policy: tuple[int, int] = (0, 1)  # its version, and how many it asks for; 0 is the default
    limit: float | None = None
    tier: str = "medium"
    day: int = 0
    weakened: list[tuple[str, str, float]] = field(default_factory=list)  # who asked for less, of what, from where

    # What a request is held to

    def _subject(self, number: int, goal: str, *, archive: bool) -> object:
        """What is signed, as it reads now."""
        if goal.startswith("@"):
            there = self.aliases.get(goal[1:])
            displaced = [there] if there not in {None, number} else []
            return (goal, displaced, goal[1:] in self.protected, self.limit, self.tier)
        displaced = sorted(n for n in self._standing(goal) if n != number)
        return (goal, archive, self.versions[number].stage, displaced, self.policy, self.limit, self.tier)

    def _standing(self, stage: str) -> list[int]:
        return [n for n, one in self.versions.items() if one.stage == stage and not one.deleted]

    def _past(self, request: Request) -> bool:
        """Whether time or the registry moved past the request; ends it."""
        if request.state not in USABLE:
            return False
        gone = self.versions[request.version].deleted
        there = request.goal.startswith("@") and self.aliases.get(request.goal[1:]) == request.version
        if request.expires <= self.day:
            request.state = "expired"
        elif gone or there or self._subject(request.version, request.goal, archive=request.archive) != request.subject:
            request.state = "superseded"
        return request.state not in USABLE

    def _settle(self) -> None:
        for request in self.requests:
            self._past(request)

    # Versions

    def register(self, who: str) -> str:
        if who not in WRITERS:
            return DENIED
        self.versions[len(self.versions) + 1] = Version(who)
        return MOVED

    def delete(self, who: str, number: int) -> str:
        if who not in WRITERS:
            return DENIED
        held = {name for name, at in self.aliases.items() if at == number}
        waits = any(r.version == number and r.state in USABLE and r.expires > self.day for r in self.requests)
        if self.versions[number].stage == "Production" or held & self.protected or waits:
            return REFUSED
        self.versions[number].deleted = True
        self.aliases = {name: at for name, at in self.aliases.items() if at != number}
        self._settle()
        return MOVED

    # Moves

    def move(self, who: str, number: int, to: str, *, archive: bool) -> str:
        if archive and to not in ACTIVE:
            return REFUSED
        version = self.versions[number]
        others = [n for n in self._standing(to) if n != number] if archive else []
        may = OPS if "Production" in {version.stage, to} else STAGERS if to == "Staging" else WRITERS
        needed = self.policy[1] if to == "Production" else 0
        if version.stage == to and not others:
            return SAME if self._has_part(who, may, needed) else DENIED
        granted = self._signed(who, number, to, may, archive=archive, needed=needed)
        if granted != MOVED:
            return granted
        for other in others:
            self.versions[other].stage = "Archived"
        version.stage = to
        if to == "Production":
            self.aliases["champion"] = number
        self._settle()
        return MOVED

    def point(self, who: str, number: int, alias: str) -> str:
        guarded = alias in self.protected
        may = OPS if guarded else WRITERS
        if self.aliases.get(alias) == number:
            return SAME if self._has_part(who, may, int(guarded)) else DENIED
        granted = self._signed(who, number, f"@{alias}", may, archive=False, needed=int(guarded))
        if granted == MOVED:
            self.aliases[alias] = number
            self._settle()
        return granted

    def unpoint(self, who: str, alias: str) -> str:
        if who not in (OPS if alias in self.protected else WRITERS):
            return DENIED
        if self.aliases.pop(alias, None) is None:
            return SAME
        self._settle()
        return MOVED

    def _has_part(self, who: str, may: set[str], needed: int) -> bool:
        """Whether somebody may make the move, or, where it takes a decision, ask for it."""
        return who in may or (bool(needed) and who in ASKERS)

    def _signed(self, who: str, number: int, goal: str, may: set[str], *, archive: bool, needed: int) -> str:
        """Whether the move is made now: by right alone, or on an approval that is used up by it."""
        if not self._has_part(who, may, needed):
            return DENIED
        if not needed:
            return MOVED
        same = [r for r in self.requests if (r.version, r.goal, r.archive) == (number, goal, archive)]
        waiting = [r for r in same if r.state in USABLE and not self._past(r)]
        if not waiting:
            subject = self._subject(number, goal, archive=archive)
            self.requests.append(Request(number, goal, archive, who, needed, self.day + LASTS, subject))
            return f"waits for {len(self.requests)}"
        (request,) = waiting
        if request.state == "open":
            return f"waits for {self.requests.index(request) + 1}"
        if who != request.requester and who not in may:
            return DENIED
        request.state = "executed"
        return MOVED

    # Signatures

    def decide(self, who: str, place: int, word: str, *, right: bool) -> str:
        request = self.requests[place - 1]
        makers = {request.requester, self.versions[request.version].registrant, TRAINER}
        if who not in DECIDERS or who in makers | {one for one, _, _ in self.weakened}:
            return DENIED
        said = word if right else f"{word} of another digest"
        if who in request.words:
            return SAME if request.words[who] == said else REFUSED
        if self._past(request):
            return ENDED
        if request.state != "open" or not right:
            return REFUSED
        request.words[who] = said
        if word != "approve":
            request.state = {"reject": "rejected", "request_changes": "changes_requested"}[word]
        elif sum(one == "approve" for one in request.words.values()) >= request.needed:
            request.state = "approved"
        if word == "approve":
            self.weakened = []  # whoever approved is another person
        return MOVED

    def _levels(self, who: str, part: str, before: float, after: float) -> None:
        """Note who asks for less; what asks for as much again is undone."""
        self.weakened = [one for one in self.weakened if one[1] != part or after < one[2]]
        if after < before:
            self.weakened.append((who, part, before))

    def withdraw(self, who: str, place: int) -> str:
        request = self.requests[place - 1]
        released = request.goal.startswith("@") and request.goal[1:] not in self.protected
        if who != request.requester and who not in (WRITERS if released else OPS):
            return DENIED
        if request.state == "withdrawn":
            return SAME
        if request.state not in USABLE:
            return REFUSED
        request.state = "withdrawn"
        return MOVED

    # What requests are held to

    def grade(self, who: str, tier: str) -> str:
        if who not in LIMITERS | WRITERS:
            return DENIED
        if self.tier == tier:
            return SAME
        self._levels(who, "tier", TIERS.index(self.tier), TIERS.index(tier))
        self.tier = tier
        self._settle()
        return MOVED

    def bound(self, who: str, limit: float) -> str:
        if who not in LIMITERS:
            return DENIED
        if self.limit == limit:
            return SAME
        self._levels(who, "limit", self.limit or 0, limit)
        self.limit = limit
        self._settle()
        return MOVED

    def guard(self, who: str, *, guarded: bool) -> str:
        """Protect the alias live, or release it."""
        if who not in (LIMITERS | {"dana"} if guarded else LIMITERS):
            return DENIED
        if guarded == ("live" in self.protected):
            return SAME
        self._levels(who, "live", float(not guarded), float(guarded))
        self.protected = {"champion", "live"} if guarded else {"champion"}
        self._settle()
        return MOVED

    def rule(self, needed: int) -> None:
        """Another version of the policy for Production is in force."""
        self.policy = (self.policy[0] + 1, needed)
        if any(one.state in USABLE and one.expires > self.day for one in self.requests):
            self._settle()  # else nothing waits; what expired is ended when the server looks

    def look(self) -> None:
        """The server ends what expired."""
        for request in self.requests:
            if request.expires <= self.day:
                self._past(request)
