import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.plan import Act, Sight, StepView, Strategy, next_step, steps_of


def step(
    status: str = "pending", *, attempts: int = 0, late: bool = False, due: bool = True, name: str = "install"
) -> StepView:
    return StepView(name, status, attempts, 3, late, due)


CASES = [
    ("nothing left", [step("done"), step("done")], Sight.REACHED, Act.FINISH, None),
    ("not begun", [step()], Sight.ABSENT, Act.APPLY, 0),
    ("not begun, but seen: a crash after apply", [step()], Sight.REACHED, Act.FINISH_STEP, 0),
    ("under way", [step("applied", attempts=1)], Sight.UNDER_WAY, Act.WAIT, 0),
    ("under way by an earlier life, never noted", [step()], Sight.UNDER_WAY, Act.APPLY, 0),
    ("reached", [step("applied", attempts=1)], Sight.REACHED, Act.FINISH_STEP, 0),
    ("vanished", [step("applied", attempts=1)], Sight.ABSENT, Act.APPLY, 0),
    ("vanished, waits", [step("applied", attempts=1, due=False)], Sight.ABSENT, Act.WAIT, 0),
    ("broken, tries left", [step("applied", attempts=1)], Sight.BROKEN, Act.APPLY, 0),
    ("broken, no tries left", [step("applied", attempts=3)], Sight.BROKEN, Act.ROLL_BACK, 0),
    ("late", [step("applied", attempts=1, late=True)], Sight.UNDER_WAY, Act.ROLL_BACK, 0),
    ("late, but reached", [step("applied", attempts=1, late=True)], Sight.REACHED, Act.FINISH_STEP, 0),
    ("cannot be looked at", [step("applied", attempts=3)], Sight.UNKNOWN, Act.WAIT, 0),
    ("cannot be looked at for too long", [step("applied", late=True)], Sight.UNKNOWN, Act.ROLL_BACK, 0),
    ("evidence that the plan leaves to a person", [step("applied", attempts=1)], Sight.REFERRED, Act.PAUSE, 0),
    ("the same, and nobody came", [step("applied", late=True)], Sight.REFERRED, Act.ROLL_BACK, 0),
    ("overtaken", [step("applied", attempts=1)], Sight.STALE, Act.WAIT, 0),
    ("second step", [step("done"), step(name="route")], Sight.ABSENT, Act.APPLY, 1),
]


@pytest.mark.parametrize(("case", "steps", "sight", "act", "place"), CASES, ids=[case[0] for case in CASES])
def test_the_next_thing_to_do(case: str, steps: list[StepView], sight: Sight, act: Act, place: int | None) -> None:
    decision = next_step(steps, sight)
    assert (decision.act, decision.step) == (act, place)


@pytest.mark.parametrize("name", ["retire", "revert"])
def test_where_there_is_nothing_better_to_go_back_to_a_person_is_asked(name: str) -> None:
    assert next_step([step("applied", attempts=3, name=name)], Sight.BROKEN).act is Act.ASK_OPERATOR
    assert next_step([step("applied", attempts=1, name=name, late=True)], Sight.UNKNOWN).act is Act.ASK_OPERATOR


STATUS = st.sampled_from(["pending", "applied", "done"])


@given(
    st.lists(st.tuples(STATUS, st.integers(0, 4), st.booleans(), st.booleans()), min_size=1, max_size=4),
    st.sampled_from(list(Sight)),
)
def test_no_step_is_finished_that_was_not_seen(rows: list[tuple[str, int, bool, bool]], sight: Sight) -> None:
    steps = [step(status, attempts=tries, late=late, due=due) for status, tries, late, due in rows]
    decision = next_step(steps, sight)
    if decision.act is Act.FINISH_STEP:
        assert sight is Sight.REACHED
    if decision.act is Act.FINISH:
        assert all(status == "done" for status, *_ in rows)


def test_blue_green_waits_between_the_switch_and_the_end_of_the_old() -> None:
    assert [spec.name for spec in steps_of(Strategy.BLUE_GREEN, bake_s=60)] == ["install", "route", "bake", "retire"]
    assert [spec.name for spec in steps_of(Strategy.ALL_AT_ONCE)] == ["install", "route", "retire"]
