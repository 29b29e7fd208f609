"""Admin pages of webhooks: made and changed by admins; what was sent, and to have it sent again."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin, actor_of
from accounts.permissions import Permission
from core.refusals import Invalid, Refusal
from registry.webhooks import deliveries, events, hooks, sending, workspace
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook

SECRET_HELP = "whsec_… of the receiver; left empty, a new webhook gets one made up, and another keeps what it has."


class AdminsOnly(ReadOnlyAdmin):
    """Pages that admins alone see: an address may be as good as a password."""

    writes_need = Permission.WEBHOOK_MANAGE

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By permission."""
        del obj
        return actor_of(request).holds(Permission.WEBHOOK_MANAGE)


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]
    """A webhook; its secret can be set and is never shown."""

    patterns = forms.CharField(
        label="Events",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line: version.stage.changed, request.*, rollout.rolled_back. The page Events lists them all.",
    )
    new_secret = forms.CharField(
        label="Secret", required=False, help_text=SECRET_HELP, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = Webhook
        fields = ("name", "description", "url", "active")
        labels = {"url": "Address"}
        help_texts = {"url": "https://…, or mailto:team@example.org; mailto: alone writes to those a request concerns."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["patterns"] = "\n".join(self.instance.events)

    def clean_url(self) -> str:
        """Hold it to the rules of addresses."""
        return cast("str", _held(hooks.check_address, self.cleaned_data["url"]))

    def clean_patterns(self) -> list[str]:
        """Hold them to the events there are."""
        words = self.cleaned_data["patterns"].split()
        return cast("list[str]", _held(EVENTS_OF[Channel(self.instance.channel or Channel.SIGNOFF)], words))

    def clean_new_secret(self) -> str:
        """Hold it to its form."""
        secret: str = self.cleaned_data["new_secret"]
        if secret and (self.instance.channel or Channel.SIGNOFF) == Channel.SIGNOFF:
            _held(hooks.key_of, secret)
        return secret


def _held(check: Any, value: object) -> object:
    try:
        return check(value)
    except Invalid as why:
        raise forms.ValidationError(why.sentence) from why


def _mlflow_events(words: list[str]) -> list[str]:
    return [events.mlflow_event(*word.upper().partition(".")[::2]) for word in words]


EVENTS_OF = {
    Channel.SIGNOFF: events.check_patterns,
    Channel.MLFLOW: _mlflow_events,
    Channel.WORKSPACE: workspace.check_names,
}


@admin.register(Webhook)
class WebhookAdmin(AdminsOnly):
    """Both kinds; those made here tell of the ledger's events."""

    form = WebhookForm
    list_display = ("name", "channel", "active", "host", "told_of", "last")
    list_filter = ("channel", "active")
    search_fields = ("name",)
    actions = ("test", "end")

    @admin.display(description="Address")
    def host(self, row: Webhook) -> str:
        """Its host."""
        return hooks.host_of(row)

    @admin.display(description="Events")
    def told_of(self, row: Webhook) -> str:
        """What it asks for."""
        return ", ".join(row.events)

    @admin.display(description="Last delivery")
    def last(self, row: Webhook) -> str:
        """How it went."""
        newest = row.deliveries.order_by("-created_at").first()
        return newest.get_state_display() if newest else "none yet"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those not deleted."""
        return hooks.of(actor_of(request))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins make them."""
        return self.has_view_permission(request, obj)

    has_change_permission = has_add_permission

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Make or change it by the same functions as everywhere; a new secret is shown this once."""
        row, said = cast("Webhook", obj), form.cleaned_data
        wish = hooks.Wish(
            said["name"], said["url"], said["patterns"], said["description"], said["new_secret"] or None, said["active"]
        )
        try:
            if change:
                hooks.update(row, wish, actor=actor_of(request))
                return
            made, secret = hooks.create(Channel.SIGNOFF, wish, actor=actor_of(request))
            row.pk = made.pk
            messages.warning(request, f"Its secret, shown this once: {secret}")
        except Refusal as why:
            messages.error(request, why.sentence)

    @admin.action(description="Send a test")
    def test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Send an example of the first event each asks for."""
        for row in rows:
            done = sending.attempt(deliveries.example_delivery(row, events.first_of(row.events)))
            if done.state == DeliveryState.DELIVERED:
                messages.success(request, f"{row}: it answered {done.status}.")
            else:
                messages.error(request, f"{row}: {done.error}")

    @admin.action(description="Delete: tell it nothing any more")
    def end(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Delete each."""
        for row in rows:
            hooks.delete(row, actor=actor_of(request))
            messages.success(request, f"{row} is told nothing any more.")


@admin.register(Delivery)
class DeliveryAdmin(AdminsOnly):
    """What was sent, to whom, how it went; and to have it sent again."""

    list_display = ("created_at", "webhook", "event", "standing", "outcome")
    list_filter = ("state", "webhook__name", "event")
    search_fields = ("id", "event", "webhook__name")
    exclude = ("claim", "claimed_until")
    ordering = ("-created_at",)
    actions = ("again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All."""
        return deliveries.of(actor_of(request))

    @admin.display(description="State", ordering="state")
    def standing(self, row: Delivery) -> str:
        """How it stands, and after how many tries."""
        return f"{row.get_state_display()}, {row.attempts} {'try' if row.attempts == 1 else 'tries'}"

    @admin.display(description="Last answer")
    def outcome(self, row: Delivery) -> str:
        """What came of the last try."""
        return row.error or (str(row.status) if row.status else "none yet")

    @admin.action(description="Send again, under the same id")
    def again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        """Have each sent at once."""
        for row in rows:
            try:
                deliveries.redeliver(row, actor=actor_of(request))
            except Refusal as why:
                messages.error(request, f"{row}: {why.sentence}")
            else:
                messages.success(request, f"{row} goes out again.")
