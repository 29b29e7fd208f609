"""Semantic numbers: which are valid, what comes next, and that one stands for one version."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Conflict, Denied, Invalid
from registry import access, numbering, reads, search, semver, versions
from registry.compare import Compatibility
from registry.models import ModelVersion
from registry.search import Asked
from registry.semver import Part
from tests.factories import MLMODEL, make_model, make_version

GOOD = [
    "0.0.0",
    "1.2.3",
    "10.20.30",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-0.3.7",
    "1.0.0-x-y.z",
    "1.0.0+b1",
    "1.0.0-rc.1+b",
]
BAD = ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3 ", "1.2.3\n", "1.2.3-ä"]
BAD += ["\u0661.2.3", "9" * 64 + ".0.0"]
numbers = st.tuples(*(st.integers(0, 10**6) for _ in range(3)))


@pytest.mark.parametrize("text", GOOD)
def test_a_number_is_taken(text: str) -> None:
    assert semver.check(text) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is no semantic version"):
        semver.check(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.0.1-rc.1", ["1.0.1", "1.1.0", "2.0.0"]),
        ("1.1.0-rc.1", ["1.1.0", "1.1.0", "2.0.0"]),
        ("2.0.0-rc.1+b", ["2.0.0", "2.0.0", "2.0.0"]),
        ("1.0.1+b", ["1.0.2", "1.1.0", "2.0.0"]),
    ],
)
def test_after_a_pre_release_comes_its_release(before: str, after: list[str]) -> None:
    assert [semver.next_number(before, part) for part in (Part.PATCH, Part.MINOR, Part.MAJOR)] == after


def test_a_number_is_offered_once_as_the_step_that_fits() -> None:
    assert semver.offer("2.0.0-rc.1", Compatibility.BREAKING).numbers == {Part.MAJOR: "2.0.0"}
    assert semver.offer("1.1.0-rc.1", Compatibility.UNKNOWN).numbers == {Part.PATCH: "1.1.0", Part.MAJOR: "2.0.0"}


@given(numbers, st.sampled_from(list(Part)))
def test_the_next_number_is_valid_and_higher(now: tuple[int, int, int], part: Part) -> None:
    after = semver.next_number(".".join(map(str, now)), part)
    assert tuple(map(int, semver.check(after).split("."))) > now


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        assert re.match(r"\d+\.\d+\.\d+", semver.check(text))
    except Invalid:
        return


@pytest.mark.parametrize(
    ("verdict", "part"),
    [
        (Compatibility.SAME, Part.PATCH),
        (Compatibility.COMPATIBLE, Part.MINOR),
        (Compatibility.BREAKING, Part.MAJOR),
        (Compatibility.UNKNOWN, None),
    ],
)
def test_the_signature_says_which_number_fits(verdict: Compatibility, part: Part | None) -> None:
    found = semver.offer("1.4.2", verdict)
    assert found.numbers == {Part.PATCH: "1.4.3", Part.MINOR: "1.5.0", Part.MAJOR: "2.0.0"}
    assert found.fitting == part


OPTIONAL = MLMODEL.replace("}]'\n  outputs", '}, {"name": "age", "type": "long", "required": false}]\'\n  outputs')
RETYPED = MLMODEL.replace('"double"', '"string"')


@pytest.mark.postgresql
@pytest.mark.django_db
class TestNumbering:
    """On a database."""

    def test_the_next_is_offered_after_the_last_that_has_one(self, dana: Actor) -> None:
        model = make_model(dana)
        first = make_version(model, dana)
        assert numbering.offered(first).numbers == {Part.MAJOR: "1.0.0"}
        numbering.set_semver(first, "1.2.3", actor=dana)
        make_version(model, dana, mlmodel=RETYPED)
        cases: list[tuple[dict[str, Any], Part, str]] = [
            ({}, Part.PATCH, "1.2.4"),
            ({"mlmodel": OPTIONAL}, Part.MINOR, "1.3.0"),
            ({"mlmodel": RETYPED}, Part.MAJOR, "2.0.0"),
        ]
        for run, part, number in cases:
            offer = numbering.offered(make_version(model, dana, **run))
            assert (offer.before, offer.fitting, offer.numbers[part]) == ("1.2.3", part, number)

    def test_one_number_stands_for_one_version_for_ever(self, dana: Actor) -> None:
        model = make_model(dana)
        one, two = make_version(model, dana), make_version(model, dana)
        numbering.set_semver(one, "1.0.0", actor=dana)
        with pytest.raises(Conflict, match=r"1\.0\.0 is version 1"):
            numbering.set_semver(two, "1.0.0", actor=dana)
        versions.delete_version(one, actor=dana)
        with pytest.raises(Conflict, match="which was deleted"):
            numbering.set_semver(two, "1.0.0", actor=dana)
        with pytest.raises(IntegrityError), transaction.atomic():
            ModelVersion.objects.filter(pk=two.pk).update(semver="1.0.0")
        numbering.set_semver(make_version(make_model(dana, "other"), dana), "1.0.0", actor=dana)

    def test_a_number_is_told_once_and_by_whoever_may(self, dana: Actor, rita: Actor) -> None:
        version = make_version(make_model(dana), dana)
        with pytest.raises(Denied):
            numbering.set_semver(version, "1.0.0", actor=rita)
        for number in ("1.0.0", "1.0.0", ""):
            numbering.set_semver(version, number, actor=dana)
        assert Event.objects.filter(action="version.semver.set").count() == 2

    def test_the_clients_tag_is_the_number(self, dana: Actor) -> None:
        model = make_model(dana)
        asked = versions.Registration("s3://a/b", tags={"signoff.semver": "2.1.0", "team": "risk"})
        version = versions.register_version(model, asked, actor=dana)
        read = reads.version_now(version)
        assert (version.semver, read.tags) == ("2.1.0", [["signoff.semver", "2.1.0"], ["team", "risk"]])
        with pytest.raises(Conflict):
            versions.register_version(model, asked, actor=dana)
        with pytest.raises(Invalid):
            versions.set_version_tag(version, "signoff.semver", "two", actor=dana)
        versions.set_version_tag(version, "signoff.semver", "2.1.1", actor=dana)
        asked_for = "tags.`signoff.semver` LIKE '2.1.%'"
        assert [row.version for row in search.search_versions(Asked(filter=asked_for), actor=dana).rows] == [1]
        versions.delete_version_tag(version, "signoff.semver", actor=dana)
        assert access.find_version(model.name, 1, actor=dana).semver == ""

    def test_a_copy_has_no_number_yet(self, dana: Actor) -> None:
        model = make_model(dana)
        versions.set_version_tag(make_version(model, dana), "signoff.semver", "1.0.0", actor=dana)
        asked = versions.Registration(f"models:/{model.name}/1", tags={"signoff.semver": "1.0.0"})
        assert versions.register_version(model, asked, actor=dana).semver == ""
