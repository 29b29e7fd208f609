"""Own REST's and the pages' search: a superset of MLflow's, with OR, parentheses and all a version is known by."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import Actor
from core.refusals import Invalid
from registry import numbering, registered, transitions, versions
from registry.filters import Clause, Group, parse_filter, parse_grouped
from registry.listing import ModelFilter
from registry.models import ModelVersion, RegisteredModel, VersionValue
from registry.stages import Stage
from registry.wide_search import WIDE_KINDS, models_like, versions_like
from tests.factories import make_model, make_version
from tests.registry.test_filters import BAD, GOOD

PREFIX = {"attribute": "attribute", "tag": "tags", "param": "params", "metric": "metrics"}
NEEDS_GROUPS = {"name = 'a' OR name = 'b'", "(name = 'a')"}
words = st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="`'\""), min_size=1, max_size=8)
values = st.text(max_size=8).filter(lambda text: "'" not in text) | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9)
compared = st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE"]), values)
listed = st.tuples(st.sampled_from(["IN", "NOT IN"]), st.lists(words, min_size=1, max_size=3).map(tuple))
clauses = st.builds(
    lambda kind, key, said: Clause(kind, key, *said), st.sampled_from(list(PREFIX)), words, compared | listed
)


def grouped(inner: st.SearchStrategy[Clause | Group]) -> st.SearchStrategy[Group]:
    return st.builds(Group, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=4).map(tuple))


nodes = st.recursive(clauses, grouped, max_leaves=12)


def written(node: Clause | Group, *, top: bool = True) -> str:
    """Return the text that reads as `node`."""
    if isinstance(node, Group):
        said = f" {node.word} ".join(written(part, top=False) for part in node.parts)
        return said if top else f"({said})"
    value = node.value
    if isinstance(value, tuple):
        shown = f"({', '.join(quoted(word) for word in value)})"
    else:
        shown = quoted(value) if isinstance(value, str) else repr(value)
    return f"{PREFIX[node.kind]}.`{node.key}` {node.operator} {shown}"


def quoted(word: str) -> str:
    return f"'{word}'"


@given(nodes)
def test_what_is_written_is_read_again(node: Clause | Group) -> None:
    wanted = node if isinstance(node, Group) else Group("AND", (node,))
    assert parse_grouped(written(node), WIDE_KINDS) == wanted


@given(st.text(st.sampled_from("name ='aAND OR()`\"<>!,.1tgsLIKEN\t\0é"), max_size=60))
def test_any_text_is_read_or_refused_at_a_character_of_it(text: str) -> None:
    try:
        parse_grouped(text, WIDE_KINDS)
    except Invalid as why:
        said = why.message
    else:
        return
    assert "Character " in said or "At its end" in said


@pytest.mark.parametrize(("text", "parts"), GOOD)
def test_mlflows_grammar_means_the_same(text: str, parts: list[Clause]) -> None:
    found = parse_grouped(text, WIDE_KINDS)
    assert (found.word, list(found.parts)) == ("AND", parts)


@pytest.mark.parametrize("text", [text for text in BAD if text not in NEEDS_GROUPS])
def test_what_mlflow_refuses_stays_refused_but_for_groups(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid clause"):
        parse_grouped(text, WIDE_KINDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 'a' OR", "At its end: a name is expected."),
        ("name = a", "Character 8: a value in quotes is expected."),
        ("metrics.auc >", "At its end: a number is expected."),
        ("created > soon", "Character 11: a number, or a value in quotes, is expected."),
        ("name = 'a' OR (run_id = 'b'", "At its end: ) is expected."),
        ("name = 'a", "Character 8: the quote is not closed."),
        ("name RLIKE 'a'", "Character 6: an operator is expected, such as = or LIKE."),
        ("a.b = 'c'", "Character 1: a name begins with tag, tags,"),
        ("(" * 21 + "name = 'a'", "Character 21: parentheses stand at most 20 deep."),
    ],
)
def test_a_refusal_points_at_the_character(text: str, said: str) -> None:
    with pytest.raises(Invalid) as why:
        parse_grouped(text, WIDE_KINDS)
    assert said in why.value.message


def test_the_wire_keeps_mlflows_grammar() -> None:
    for text in NEEDS_GROUPS:
        with pytest.raises(Invalid, match="Invalid clause"):
            parse_filter(text, WIDE_KINDS)


@pytest.fixture
def shelf(dana: Actor, olga: Actor, settings: Any) -> list[ModelVersion]:
    """Three versions of fraud (1 in Production, 2 @next and 2.0.0) and one of churn, which is high risk."""
    settings.APPROVALS = False
    fraud, churn = make_model(dana, "fraud"), make_model(dana, "churn")
    made = [make_version(fraud, dana, metrics={"auc": auc}) for auc in (0.9, 0.95)]
    made += [versions.register_version(fraud, versions.Registration("s3://a/b"), actor=dana), make_version(churn, dana)]
    transitions.transition(made[0], to=Stage.PRODUCTION, actor=olga)
    transitions.set_alias(made[1], "next", actor=dana)
    numbering.set_semver(made[1], "2.0.0", actor=dana)
    registered.update_model(churn, risk_tier="high", actor=dana)
    return made


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "fraud1 fraud2 fraud3 churn1"),
        ("stage = 'production'", "fraud1"),
        ("current_stage != 'Production' AND name = 'fraud'", "fraud2 fraud3"),
        ("stage IN ('production', 'Staging') OR alias = 'next'", "fraud1 fraud2"),
        ("alias LIKE 'ne%'", "fraud2"),
        ("semver LIKE '2.%'", "fraud2"),
        ("metrics.auc > 0.92 OR risk_tier = 'high'", "fraud2 churn1"),
        ("metrics.auc >= 0.9 AND metrics.auc < 0.95", "fraud1"),
        ("params.depth = '3' AND NAME = 'x'", None),
        ("params.depth = '3' AND (name = 'churn' OR version = 2)", "fraud2 churn1"),
        ("framework = 'sklearn' AND name = 'fraud'", "fraud1 fraud2"),
        ("framework != 'sklearn'", "fraud3"),
        ("user = 'dana' AND status = 'READY' AND owner = 'dana'", "fraud1 fraud2 fraud3 churn1"),
        ("created > '2020-01-01' AND updated > 1577836800000", "fraud1 fraud2 fraud3 churn1"),
        ("created > '2999-01-01T00:00+02:00'", ""),
        ("created = '2020-01-01'", None),
        ("created > 'soon'", None),
        ("stage = 'Prod'", None),
        ("stage > 'None'", None),
        ("metrics.auc = 'high'", None),
        ("metrics.auc LIKE '0%'", None),
        ("params.depth IS NOT NULL AND semver != '' AND tags.signoff.semver IS NOT NULL", "fraud2"),
        ("params.depth IS NULL", "fraud3"),
        ("version = 1e300", None),
        ("created > 1e300", None),
    ],
)
def test_versions_are_found(shelf: list[ModelVersion], text: str, found: str | None) -> None:
    if found is None:
        with pytest.raises(Invalid, match="Character "):
            list(versions_like(text, ModelVersion.objects.live()))
        return
    rows = versions_like(text, ModelVersion.objects.live()).order_by("pk").select_related("model")
    assert [f"{row.model.name}{row.version}" for row in rows] == found.split()


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stage = 'Production'", "fraud"),
        ("risk_tier = 'high' OR semver = '2.0.0'", "churn fraud"),
        ("metrics.auc > 0.99", ""),
        ("name ILIKE 'FR%' AND created > '2020-01-01'", "fraud"),
        ("alias = 'next' AND owner = 'dana'", "fraud"),
    ],
)
def test_models_are_found_by_what_some_version_of_theirs_is(shelf: list[ModelVersion], text: str, found: str) -> None:
    rows = models_like(text, RegisteredModel.objects.live()).order_by("name")
    assert [row.name for row in rows] == found.split()


def test_a_name_that_is_no_field_is_told_all_that_are() -> None:
    for search in (
        lambda: models_like("foo = 'x'", RegisteredModel.objects.all()),
        lambda: versions_like("foo = 'x'", ModelVersion.objects.all()),
    ):
        with pytest.raises(Invalid) as why:
            search()
        for name in ("alias", "framework", "risk_tier", "semver", "stage", "metrics.KEY", "params.KEY", "tags.KEY"):
            assert f" {name}" in why.value.message


@pytest.mark.postgresql
@pytest.mark.django_db
def test_what_a_number_cannot_say_is_found_by_no_number(dana: Actor) -> None:
    version = make_version(make_model(dana), dana, metrics={"auc": 0.5})
    VersionValue.objects.filter(version=version, kind="metric").update(number=None, text="NaN")
    for text in ("metrics.auc > 0", "metrics.auc <= 0"):
        assert not versions_like(text, ModelVersion.objects.live()).exists()


@pytest.mark.postgresql
@pytest.mark.django_db
def test_parentheses_alone_are_a_filter_that_ends_too_soon(dana: Actor) -> None:
    make_model(dana, "Fraud (EU)")
    every = RegisteredModel.objects.all()
    assert ModelFilter(q="(EU").apply(every).exists()
    with pytest.raises(Invalid, match="At its end: a name is expected"):
        ModelFilter(q="(((").apply(every)
