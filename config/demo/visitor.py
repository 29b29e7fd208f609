"""A person at a browser without scripts: keeps cookies, reads forms, sends them back."""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class PageForm:
    """A form of a page: where it posts, and what it holds already."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    ticks: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """Collects the forms of a page, with fields that name their form from outside it."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.by_id: dict[str, PageForm] = {}
        self.inside: PageForm | None = None
        self.loose: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, hidden values and tick boxes."""
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = PageForm(said.get("action", ""))
            self.forms.append(self.inside)
            if "id" in said:
                self.by_id[said["id"]] = self.inside
        elif tag == "input" and said.get("type") == "hidden" and self.inside:
            self.inside.values[said["name"]] = said.get("value", "")
        elif tag == "input" and said.get("type") == "checkbox" and "form" in said:
            self.loose.append((said["form"], said["name"]))

    def handle_endtag(self, tag: str) -> None:
        """Leave the form."""
        if tag == "form":
            self.inside = None

    def found(self, text: str) -> list[PageForm]:
        """Return the forms of the page `text`."""
        self.feed(text)
        for form_id, name in self.loose:
            if form_id in self.by_id:
                self.by_id[form_id].ticks.append(name)
        return self.forms


@dataclass
class Answer:
    """What the server said."""

    status: int
    url: str
    text: str


class Visitor:
    """One person's session."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._send(urllib.request.Request(self._address(path)))  # noqa: S310 - our own http address

    def submit(self, path: str, form_action: str, **values: str | list[str]) -> Answer:
        """Open `path`, fill the form posting to `form_action` and send it; raises LookupError where there is none."""
        page = self.get(path)
        forms = [form for form in Forms().found(page.text) if (form.action or path) == form_action]
        if not forms:
            raise LookupError(f"{path} ({page.status}) has no form that posts to {form_action}")
        data = urllib.parse.urlencode({**forms[0].values, **dict.fromkeys(forms[0].ticks, "yes"), **values}, doseq=True)
        request = urllib.request.Request(self._address(form_action), data.encode(), {"Referer": self._address(path)})  # noqa: S310
        return self._send(request)

    def _address(self, path: str) -> str:
        return path if path.startswith("http") else self.base + path

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=60) as response:
                return Answer(response.status, response.url, response.read().decode())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, refusal.url or "", refusal.read().decode())
