"""The registry and its reference side by side: every deed is done to both, and they must agree on what came of it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accounts.actors import Actor
from audit.models import Event
from audit.replay import turns
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import replayed
from registry import decisions, protection, registered, requests, transitions, versions, weakening
from registry.history import tell
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.policies import changes
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.registry.machine import reference
from tests.registry.machine.reference import DENIED, ENDED, MOVED, REFUSED, SAME, Reference
from tests.registry.policies.hands import text_of

MOST_VERSIONS, RARELY = 5, 25
who = st.sampled_from(["dana", "eli", "olga", "rita", "rob", "rex", "remy", "ray", "ada", "aude", "otto"])
asking = st.sampled_from(["dana", "dana", "eli", "olga", "olga", "rex", "remy", "ray", "rita", "otto"])
deciding = st.sampled_from(sorted(reference.DECIDERS))
place = st.integers(0, 100)
stage = st.sampled_from(["Production", "Production", "Staging", "Archived", "None"])
alias = st.sampled_from(["champion", "live", "other"])
word = st.sampled_from(["approve", "approve", "approve", "reject", "request_changes"])


class Governance(RuleBasedStateMachine):
    """One model and everybody who may, might, or must not do something to it."""

    people: dict[str, Actor]
    model: RegisteredModel
    source: versions.Registration
    steps: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.reference = Reference()
        self.done, self.last = 0, dict[str, int]()
        self.now = clock.now()
        self.clocks = [mock.patch.object(clock, "now", self._now), mock.patch.object(timezone, "now", self._now)]
        for one in self.clocks:
            one.start()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()

    def _now(self) -> object:
        return self.now

    def teardown(self) -> None:
        """Hold the rows against the ledger, then throw it all away."""
        try:
            assert_signed()
            assert list(turns.differing(replayed.KINDS)) == []
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)
            for one in self.clocks:
                one.stop()

    # Deeds

    @initialize()
    def begin(self) -> None:
        for by in ("dana", "eli"):
            versions.register_version(self.model, self.source, actor=self.people[by])
            self.reference.register(by)

    @rule(by=st.sampled_from(["dana", "eli", "rex", "otto"]))
    @precondition(lambda self: len(self._live()) < MOST_VERSIONS and self._rests("register"))
    def register(self, by: str) -> None:
        expected = self.reference.register(by)
        self._agree("register", expected, versions.register_version, self.model, self.source, actor=self.people[by])

    @rule(by=asking, at=place)
    @precondition(lambda self: self._live() and self._rests("delete"))
    def delete(self, by: str, at: int) -> None:
        number = self._pick(at)
        row, expected = self._version(number), self.reference.delete(by, number)
        self._agree("delete", expected, versions.delete_version, row, actor=self.people[by])

    @rule(by=asking, at=place, to=stage, archive=st.booleans())
    @precondition(lambda self: self._live())
    def move(self, by: str, at: int, to: str, *, archive: bool) -> None:
        self._move(by, self._pick(at), to, archive=archive)

    def _move(self, by: str, number: int, to: str, *, archive: bool) -> None:
        how: dict[str, Any] = {"to": Stage(to), "archive_existing": archive, "actor": self.people[by]}
        expected = self.reference.move(by, number, to, archive=archive)
        self._agree("move", expected, transitions.transition, self._version(number), **how)

    @rule(by=asking, at=place)
    @precondition(lambda self: self._approved())
    def carry_out(self, by: str, at: int) -> None:
        """Make a move that was signed, by whoever asked or by somebody else."""
        request = self._approved()[at % len(self._approved())]
        by = request.requester if at % 3 else by
        if request.goal.startswith("@"):
            self._point(by, request.version, request.goal[1:])
        else:
            self._move(by, request.version, request.goal, archive=request.archive)

    @rule(by=asking, at=place, name=alias)
    @precondition(lambda self: self._live())
    def point(self, by: str, at: int, name: str) -> None:
        self._point(by, self._pick(at), name)

    def _point(self, by: str, number: int, name: str) -> None:
        expected = self.reference.point(by, number, name)
        self._agree("point", expected, transitions.set_alias, self._version(number), name, actor=self.people[by])

    @rule(by=asking, name=alias)
    @precondition(lambda self: self._rests("unpoint"))
    def unpoint(self, by: str, name: str) -> None:
        expected = self.reference.unpoint(by, name)
        self._agree("unpoint", expected, transitions.delete_alias, self.model, name, actor=self.people[by])

    @rule(by=who, at=place, says=word, right=st.sampled_from([True] * 7 + [False]))
    @precondition(lambda self: self.reference.requests)
    def decide(self, by: str, at: int, says: str, *, right: bool) -> None:
        self._decide(by, at, says, right=right)

    @rule(by=deciding, at=place)
    @precondition(lambda self: self.reference.requests)
    def approve(self, by: str, at: int) -> None:
        self._decide(by, at, "approve", right=True)

    def _decide(self, by: str, at: int, says: str, *, right: bool) -> None:
        nth = self._newest(at)
        row = self._request(nth)
        accepted = list(row.checks.values_list("pk", flat=True))
        digest = row.subject_digest if right else "f" * 64
        shown = [one.event for one in weakening.of(self.model)]
        choice = decisions.Choice(decisions.Verdict(says), digest, "words", accepted, weakened=shown)
        expected = self.reference.decide(by, nth, says, right=right)
        self._agree("decide", expected, decisions.decide, row, choice, actor=self.people[by])

    @rule(by=who, at=place)
    @precondition(lambda self: self.reference.requests)
    def withdraw(self, by: str, at: int) -> None:
        nth = self._newest(at)
        expected = self.reference.withdraw(by, nth)
        self._agree("withdraw", expected, requests.withdraw, self._request(nth), comment="no", actor=self.people[by])

    @rule(by=who, tier=st.sampled_from(["low", "medium", "high"]))
    @precondition(lambda self: self._rests("grade"))
    def grade(self, by: str, tier: str) -> None:
        expected = self.reference.grade(by, tier)
        self._agree("grade", expected, registered.update_model, self.model, risk_tier=tier, actor=self.people[by])

    @rule(by=who, limit=st.sampled_from([0.1, 0.2]))
    @precondition(lambda self: self._rests("bound"))
    def bound(self, by: str, limit: float) -> None:
        asked: dict[str, Any] = {"metric": "auc", "comparison": ">", "value": limit}
        expected = self.reference.bound(by, limit)
        self._agree("bound", expected, registered.set_threshold, self.model, **asked, actor=self.people[by])

    @rule(by=who, guarded=st.booleans())
    @precondition(lambda self: self._rests("guard"))
    def guard(self, by: str, *, guarded: bool) -> None:
        change = protection.protect if guarded else protection.release
        expected = self.reference.guard(by, guarded=guarded)
        self._agree("guard", expected, change, self.model, "live", actor=self.people[by])

    @rule(needed=st.sampled_from([1, 2]))
    @precondition(lambda self: self._rests("policy"))
    def put_policy_in_force(self, needed: int) -> None:
        approvals, version = f"[{{group: reviewer, count: {needed}}}]", self.reference.policy[0] + 1
        text = text_of(approvals=approvals, more=f"about: version {version}\n")
        proposed = changes.propose(text, actor=self.people["rita"]).version
        changes.accept(proposed, digest=proposed.digest, comment="agreed", actor=self.people["ada"])
        self.reference.rule(needed)
        self._did("policy")

    @rule(days=st.sampled_from([1, 3, 7]), looks=st.booleans())
    @precondition(lambda self: self._rests("wait"))
    def wait(self, days: int, *, looks: bool) -> None:
        self.now += timedelta(days=days)
        self.reference.day += days
        if looks:
            requests.expire_due()
            self.reference.look()
        self._did("wait")

    # Both sides

    @invariant()
    def the_same_on_both_sides(self) -> None:
        expected = {n: "deleted" if one.deleted else one.stage for n, one in self.reference.versions.items()}
        at = {
            row[0]: "deleted" if row[2] else row[1] for row in self._rows("version, stage, deleted_at", "modelversion")
        }
        assert at == expected
        number = "(SELECT version FROM registry_modelversion v WHERE v.id = version_id)"
        assert dict(self._rows(f"name, {number}", "alias")) == self.reference.aliases
        states = [state for (state,) in self._rows("state", "approvalrequest")]
        assert states == [request.state for request in self.reference.requests]

    def _rows(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        """Plain rows of the model: they are asked for after each deed."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM registry_{table} WHERE model_id = %s ORDER BY id", [self.model.pk])
            return cursor.fetchall()  # type: ignore[no-any-return]

    def _agree(self, name: str, expected: str, deed: Callable[..., object], *told: object, **more: object) -> None:
        """Do the deed and compare what came of it."""
        try:
            with transaction.atomic():
                outcome = self._word(deed(*told, **more))
        except Denied:
            outcome = DENIED
        except (Conflict, Invalid):
            outcome = REFUSED
        done = MOVED if expected == SAME else expected  # what was so already shows in the rows
        assert outcome == done, (name, outcome, done)
        self._did(name, expected.split(" ", maxsplit=1)[0])

    def _did(self, name: str, word: str = "done") -> None:
        self.steps[f"{name}: {word}"] += 1
        self.done += 1
        self.last[name] = self.done

    def _rests(self, name: str) -> bool:
        """Whether it is time for a deed that ends requests, so that some live long enough to be used."""
        return self.done - self.last.get(name, 0) > RARELY

    def _word(self, done: object) -> str:
        if isinstance(done, ApprovalRequired):
            keys = list(ApprovalRequest.objects.filter(model=self.model).order_by("pk").values_list("pk", flat=True))
            return f"waits for {keys.index(done.request.pk) + 1}"
        return ENDED if isinstance(done, decisions.Moved) else MOVED

    def _live(self) -> list[int]:
        return [n for n, one in self.reference.versions.items() if not one.deleted]

    def _approved(self) -> list[reference.Request]:
        found = [one for one in self.reference.requests if one.state == "approved"]
        return [one for one in found if not self.reference.versions[one.version].deleted]

    def _pick(self, at: int) -> int:
        live = self._live()
        return live[at % len(live)]

    def _newest(self, at: int) -> int:
        """Return a request's place, one of the newest more often than an old one."""
        count = len(self.reference.requests)
        return count - at % min(count, 3 if at % 4 else count)

    def _version(self, number: int) -> ModelVersion:
        return ModelVersion.objects.select_related("model__owner").get(model=self.model, version=number)

    def _request(self, nth: int) -> ApprovalRequest:
        rows = ApprovalRequest.objects.filter(model=self.model).select_related(
            "model", "version__model", "version__manifest", "version__registered_by", "requester"
        )
        return rows.order_by("pk")[nth - 1]


def assert_signed() -> None:
    """Whoever came to Production did so on enough signatures, none of them by somebody who had a part in it."""
    for told in map(tell, Event.objects.filter(action="version.stage.changed").order_by("id")):
        if told.after["stage"] != "Production":
            continue
        request = ApprovalRequest.objects.select_related("version").get(pk=int(str(told.facts["approval"])))
        assert f"{request.model.uuid}/{request.version.version}" == told.object_id
        given = request.decisions.filter(verdict="approve", subject_digest=request.subject_digest)
        people = set(given.values_list("person_id", flat=True))
        assert len(people) >= request.approvals_needed >= 1
        assert not people & {request.requester_id, request.version.registered_by_id, request.version.run_author_id}
