"""Mail of what happens to requests: to those concerned or to an address, logged and sent again like any webhook."""

import smtplib
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django import Settings

from accounts.actors import Actor
from core.refusals import Invalid
from registry import decisions, discussion, grants, registered
from registry.models import ApprovalRequest
from registry.webhooks import deliveries, hooks, sending
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook
from tests.factories import ask_production, make_model, make_version
from tests.sealing import sealed

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _mail(settings: Settings, people: dict[str, Actor]) -> None:
    settings.MAIL_FROM = "signoff@example.org"
    for name, actor in people.items():
        actor.person.email = f"{name}@example.org"
        actor.person.save(update_fields=["email"])


def made(ada: Actor, url: str = "mailto:") -> Webhook:
    wish = hooks.Wish(name="mail", url=url, events=["request.*"])
    return hooks.create(Channel.SIGNOFF, wish, actor=ada)[0]


def sent(webhook: Webhook) -> list[Delivery]:
    sealed()
    deliveries.make_out()
    found = []
    while delivery := deliveries.claim_next(webhook.pk):
        found.append(sending.attempt(delivery))
    return found


def asked(dana: Actor) -> ApprovalRequest:
    return ask_production(make_version(make_model(dana), dana), dana)


def test_reviewers_hear_of_a_request_and_its_requester_of_the_decision(ada: Actor, dana: Actor, rita: Actor) -> None:
    webhook = made(ada)
    request = asked(dana)
    assert [one.state for one in sent(webhook)] == [DeliveryState.DELIVERED]
    (letter,) = mail.outbox
    assert (sorted(letter.bcc), letter.to) == (["rita@example.org", "rob@example.org"], [])
    assert letter.from_email == "signoff@example.org"
    assert f"request #{request.pk}" in letter.subject
    assert f"/approvals/{request.pk}" in letter.body
    discussion.add_comment(request, body="one\nmore", actor=rita)
    choice = decisions.Choice(decisions.Verdict.REJECT, request.subject_digest, "too slow")
    decisions.decide(request, choice, actor=rita)
    sent(webhook)
    assert [one.bcc for one in mail.outbox[1:]] == [["dana@example.org"]] * 2
    assert "too slow" in mail.outbox[2].body


def test_nobody_is_written_to_about_what_she_did_herself(ada: Actor, dana: Actor) -> None:
    webhook = made(ada)
    request = asked(dana)
    discussion.add_comment(request, body="see the plot", actor=dana)
    assert [one.event for one in sent(webhook)] == ["request.opened"]


def test_who_may_not_see_a_restricted_model_is_not_written_to(ada: Actor, dana: Actor, rita: Actor) -> None:
    webhook = made(ada)
    version = make_version(make_model(dana), dana)
    registered.update_model(version.model, restricted=True, actor=dana)
    grants.give(version.model, grants.Grant("person", "rita", grants.Right.READ), actor=dana)
    ask_production(version, dana)
    sent(webhook)
    assert mail.outbox[0].bcc == ["rita@example.org"]


def test_an_address_is_told_of_everything_it_asked_for(ada: Actor, dana: Actor) -> None:
    webhook = made(ada, "mailto:risk@example.org, board@example.org")
    asked(dana)
    sent(webhook)
    assert mail.outbox[0].bcc == ["risk@example.org", "board@example.org"]


def test_what_the_mail_server_refuses_is_tried_again_and_can_be_sent_again_in_the_admin(
    ada: Actor, dana: Actor, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    webhook = made(ada)

    def refuse(*_: Any) -> int:
        raise smtplib.SMTPServerDisconnected("too many connections")

    with monkeypatch.context() as broken:
        broken.setattr(EmailBackend, "send_messages", refuse)
        asked(dana)
        (tried,) = sent(webhook)
    assert (tried.state, tried.attempts) == (DeliveryState.WAITING, 1)
    assert "too many connections" in tried.error
    client.force_login(ada.person, backend="django.contrib.auth.backends.ModelBackend")
    Delivery.objects.update(state=DeliveryState.FAILED)
    again = {"action": "again", "_selected_action": [str(tried.pk)]}
    assert client.post("/admin/webhooks/delivery/", again).status_code == 302
    assert [one.pk for one in sent(webhook)] == [tried.pk]
    assert mail.outbox[0].extra_headers["Message-ID"] == f"<{tried.pk}@signoff>"


def test_a_subject_is_one_line_whatever_a_model_is_called(ada: Actor, dana: Actor) -> None:
    webhook = made(ada)
    ask_production(make_version(make_model(dana, "Fraud Bcc; x@example.org"), dana), dana)
    sent(webhook)
    assert "\n" not in mail.outbox[0].subject


def test_without_a_mail_server_and_for_other_channels_there_is_no_mail(ada: Actor, settings: Settings) -> None:
    wish = hooks.Wish(name="mail", url="mailto:", events=["registered_model.created"])
    with pytest.raises(Invalid, match="Signoff's own"):
        hooks.create(Channel.MLFLOW, wish, actor=ada)
    with pytest.raises(Invalid, match="no mail address"):
        made(ada, "mailto:nobody")
    settings.MAIL_FROM = ""
    with pytest.raises(Invalid, match="SIGNOFF_MAIL_URL"):
        made(ada)
