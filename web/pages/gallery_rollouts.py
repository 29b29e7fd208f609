"""Each state of a deployment's page that the gallery shows."""

from deployments.plans import Plan
from deployments.states import RolloutState, StepStatus
from deployments.watching import CHOOSES, UNOBSERVED, WAITS
from web.pages.gallery_courses import OLGA, Course, good, reader, silent, told, watch, word
from web.pages.gallery_stock import Context, at

NEEDED: Context = {
    "needed_role": "Ops",
    "who_can_grant": ["ada"],
    "request_access_url": "/account/access?role=ops",
}
FROZEN = "Frozen until 2027-01-02 23:00 UTC: no change over the year's end."
QUEUED, RUNNING, BACK = RolloutState.QUEUED, RolloutState.RUNNING, RolloutState.ROLLED_BACK
NOW, CUT, FAILED, DONE = StepStatus.APPLIED, StepStatus.APPLIED, StepStatus.FAILED, StepStatus.DONE
AT_ONCE = Plan.of({"strategy": "all-at-once"})
BLUE_GREEN = Plan.of({"strategy": "blue-green", "bake_s": 1_800})
LINEAR = Plan.of({"strategy": "linear", "step_pct": 20, "every_s": 1_512})
SHARES = [5, {"pct": 25, "gate": True}, {"pct": 50, "min_s": 1_500}]
STAIRS = Plan.of({"strategy": "canary", "shares": SHARES, "rules": {"min_labels": 400}})
ASKING = Plan.of({"strategy": "canary", "shares": [5, 25], "rules": {"on_fail": "ask"}})
AB = Plan.of({"strategy": "a-b", "for_s": 1_512})
SHADOW = Plan.of({"strategy": "shadow"})

FEW = watch(5, "hold")
NOTHING = {"verdict": "hold", "sentence": "Hold: 0 of 100 canary requests in this step.", "needs_person": False,
           "since": {"canary": 0, "stable": 0}, "counted": {"canary": 0, "stable": 0}, "tracks": silent(0)}  # fmt: skip
SILENT = {"verdict": "hold", "sentence": UNOBSERVED, "needs_person": True, "since": {"canary": 0, "stable": 0},
          "counted": {"canary": 412, "stable": 7_928}, "tracks": silent(7_928)}  # fmt: skip
OVER = {**FEW, "sentence": f"{FEW['sentence']} The step's time is over: a person decides.", "needs_person": True}
BAD = watch(25, "rollback", [5], bad=(61, 407), peak=312.0)
KEPT = watch(5, "rollback", bad=(31, 207), peak=312.0, needs_person=True)
KEPT["sentence"] += " The plan leaves it to a person."
VOID = "Invalid: 912 of 8,340 requests went to the canary, where 5 % were asked for. Nothing can be learnt from it."
UNEVEN = watch(5, "invalid", needs_person=True, sentence=VOID)
UNEVEN["counted"] = {"canary": 912, "stable": 7_428}
EVERY = "Hold: 14 min 10 s of 25 min 12 s in this step."
STEADY = watch(40, "hold", [20], bad=(88, 1_668), wrong=(121, 2_502), sentence=EVERY)
APART = (
    "No difference is shown in errors (0.6 to 1.9 times the live rate): 2 of 4,170 canary requests failed, against "
    "31 of 4,170 of the live version. Fewer wrong predictions (0.4 to 0.9 times the live rate): 88 of 2,020 canary "
    "predictions were wrong, against 143 of 1,998 of the live version."
)
HALF = watch(50, "promote", wrong=(143, 1_998), bad=(88, 2_020), comparison=APART)
CHOICE = {**HALF, "verdict": "hold", "sentence": f"{APART} {CHOOSES}", "needs_person": True}
ALIKE = (
    "1,942 of 2,000 copies were answered alike (96.3 to 97.7 %), 3 failed. "
    "Numbers differ by 0.0112 on average. Scores differ by 0.0087 on average."
)
COMPARING = {"verdict": "hold", "sentence": "Hold: 118 of 200 copies compared. 114 of 118 copies were answered alike "
             "(91.6 to 98.7 %), 0 failed.", "needs_person": False}  # fmt: skip
COMPARED = {"verdict": "promote", "sentence": f"Compared: {ALIKE}", "needs_person": False, "comparison": ALIKE}
CHOSEN = {"verdict": "hold", "sentence": f"{ALIKE} {CHOOSES}", "needs_person": True, "comparison": ALIKE}
AT_GATE = {**good(25, [5]), "verdict": "hold", "sentence": WAITS.format(25), "needs_person": True}
BROKEN = {"state": "failed", "isolation": "bubblewrap", "pid": 41_207}
UNLOADABLE = "the model cannot be loaded: ModuleNotFoundError: No module named 'lightgbm'"
ASIDE = "The router does not answer: its socket is not there."
TOO_SLOW = "olga: two callers say that it is too slow"
GAVE_UP = "revert was not reached in time: the router has not taken it up yet"
PAUSE = {"paused_at": at(24, 9, 12), "paused_by": OLGA}
PAUSED = word(12, "olga", "rollout.paused", "until the call with the callers")

STATES: dict[str, Context] = {
    "queued": told(Course(AT_ONCE, QUEUED)),
    "waits for the end of a freeze": told(Course(STAIRS, QUEUED), waits=FROZEN),
    "cancelled": told(Course(AT_ONCE, RolloutState.CANCELLED, more={"why": "cancelled on its page"})),
    "running": told(Course(AT_ONCE, RUNNING, 1, NOW)),
    "running, reader": reader(told(Course(AT_ONCE, RUNNING, 1, NOW)), NEEDED),
    "target unreachable": told(Course(AT_ONCE, RUNNING, 1, NOW, {"route 100": {}}, why_at=ASIDE)),
    "no engine works on it": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": FEW}), left_since=at(24, 9, 15)),
    "done": told(Course(AT_ONCE, RolloutState.DONE, 3)),
    "failed": told(
        Course(
            AT_ONCE, RolloutState.FAILED, 0, FAILED, {"install": BROKEN}, f"install was tried 3 times: {UNLOADABLE}", 3,
            words={"revert": GAVE_UP}, back=FAILED, more={"why": "the machine is gone"},
        ),
    ),
    "rolled back": told(
        Course(
            AT_ONCE, BACK, 0, FAILED, {"install": BROKEN}, f"install was tried 3 times: {UNLOADABLE}", 3, back=DONE,
            more={"why": f"install was tried 3 times: {UNLOADABLE}"},
        )
    ),
    "needs operator": told(
        Course(
            AT_ONCE, RolloutState.NEEDS_OPERATOR, 1, FAILED, {"route 100": {}}, ASIDE, back=FAILED,
            words={"revert": GAVE_UP}, more={"why": GAVE_UP},
        )
    ),
    "blue/green, bakes": told(Course(BLUE_GREEN, RUNNING, 2, NOW, {"bake": {"left_s": 1_272.0}})),
    "blue/green, paused": told(
        Course(BLUE_GREEN, RUNNING, 2, NOW, {"bake": {"left_s": 1_272.0}}, more=PAUSE), PAUSED
    ),
    "blue/green, rolling back": told(
        Course(
            BLUE_GREEN, RolloutState.ROLLING_BACK, 2, CUT, {"bake": {"left_s": 0.0}}, back=NOW, more={"why": TOO_SLOW}
        ),
    ),
    "linear": told(Course(LINEAR, RUNNING, 4, NOW, {"watch 40": STEADY})),
    "canary": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": FEW})),
    "canary, no traffic": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": NOTHING})),
    "canary, nothing observed": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": SILENT})),
    "canary, evidence late": told(
        Course(STAIRS, RUNNING, 2, NOW, {"watch 5": {**FEW, "sentence": "Hold: evidence is late since 09:10:00 UTC."}}),
        canary={"late_since": at(24, 9, 10)},
    ),
    "canary, split off": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": UNEVEN})),
    "canary, a person decides": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": OVER})),
    "canary, paused": told(Course(STAIRS, RUNNING, 2, NOW, {"watch 5": FEW}, more=PAUSE), PAUSED),
    "canary, kept by its plan": told(
        Course(ASKING, RUNNING, 2, NOW, {"watch 5": KEPT}, more={"paused_at": at(24, 9, 20)})
    ),
    "canary, at a gate": told(Course(STAIRS, RUNNING, 5, NOW, {"gate 25": AT_GATE})),
    "canary, signed in part": told(
        Course(STAIRS, RUNNING, 2, NOW, {"watch 5": {**good(5), "verdict": "hold",
               "sentence": "Hold: Approved up to 5 %; 25 % comes next. It waits for 1 from reviewer."}}),
        reach="Approved up to 5 %; 25 % comes next. It waits for 1 from reviewer.",
    ),
    "canary, rolling back": told(
        Course(STAIRS, RolloutState.ROLLING_BACK, 4, FAILED, {"watch 25": BAD}, BAD["sentence"], back=NOW,
               more={"why": BAD["sentence"]})
    ),
    "canary, rolled back": told(
        Course(STAIRS, BACK, 4, FAILED, {"watch 25": BAD}, BAD["sentence"], back=DONE, more={"why": BAD["sentence"]})
    ),
    "canary, sent back by a person": told(
        Course(STAIRS, BACK, 4, CUT, {"watch 25": watch(25, "hold", [5])}, back=DONE, more={"why": TOO_SLOW})
    ),
    "canary, done": told(
        Course(STAIRS, RolloutState.DONE, 10, seen={"gate 25": AT_GATE}, words={"gate 25": "let through by olga"}),
        word(84.6, "olga", "rollout.gate.opened", "looked at the wrong ones: thin files, as before"),
    ),
    "A/B, a person chooses": told(Course(AB, RUNNING, 3, NOW, {"watch 50": HALF, "gate 50": CHOICE})),
    "A/B, chosen": told(
        Course(AB, RolloutState.DONE, 6, seen={"watch 50": HALF, "gate 50": CHOICE},
               words={"gate 50": "let through by olga"}),
        word(59.4, "olga", "rollout.gate.opened", "fewer are wrong"),
    ),
    "A/B, sent back": told(
        Course(AB, BACK, 3, CUT, {"watch 50": HALF, "gate 50": CHOICE}, back=DONE, more={"why": TOO_SLOW}),
    ),
    "shadow, compares": told(Course(SHADOW, RUNNING, 2, NOW, {"compare": COMPARING})),
    "shadow, a person chooses": told(Course(SHADOW, RUNNING, 3, NOW, {"compare": COMPARED, "gate 0": CHOSEN})),
    "shadow, chosen": told(
        Course(SHADOW, RolloutState.DONE, 6, seen={"compare": COMPARED, "gate 0": CHOSEN},
               words={"gate 0": "let through by olga"}),
        word(59.4, "olga", "rollout.gate.opened", "the three that failed were refused by both"),
    ),
}  # fmt: skip
