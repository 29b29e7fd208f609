"""What models, tags and aliases may be called. The sentences are those MLflow's clients match."""

import posixpath
import re
import unicodedata

from core.refusals import Invalid

PROMPT_TAG = "mlflow.prompt.is_prompt"
SEMVER_TAG = "signoff.semver"  # how an MLflow client reads and writes a version's semantic number
TAG_KEY = re.compile(r"[\w \-./:]+\Z")
ALIAS = re.compile(r"[\w\-]*\Z")
ALIAS_NUMBER = re.compile(r"v\d+\Z", re.IGNORECASE)
# Letters of other alphabets that look like ours: Cyrillic, Greek, and what Latin has besides.
LOOK_ALIKE = str.maketrans(
    "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u0443\u051d\u0445\u043c\u043d\u0442\u043a\u0432"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0261\u0251\u017f",
    "acdehijlopqsywxmhtkbaeikvoptyxigas",
)
NAME_MAX, KEY_MAX, ALIAS_MAX, VALUE_MAX = 300, 250, 255, 100_000


def check_model_name(name: str) -> str:
    """Return `name`; raise Invalid where it is blank, a path, or holds a slash, colon or control character."""
    if not name.strip():
        raise Invalid("Registered model name cannot be empty.", field="name")
    if name != name.strip():
        raise Invalid("A model name neither begins nor ends with a space or tab.", field="name")
    if re.search(r"[/:]", name) or name in {".", ".."}:
        raise Invalid(
            f"Invalid name: '{name}'. Registered model name cannot contain '/' or ':' or be a path.", field="name"
        )
    if len(name) > NAME_MAX or any(not letter.isprintable() for letter in name):
        raise Invalid(f"A model name has at most {NAME_MAX} characters, all of them printable.", field="name")
    return name


def check_tag(key: str, value: str) -> None:
    """Raise Invalid for a key or value that no tag can have."""
    if not key or len(key) > KEY_MAX or not TAG_KEY.match(key):
        raise Invalid(
            f"Invalid tag name: '{key[:80]}'. Names may only contain alphanumerics, underscores (_), dashes (-), "
            f"periods (.), spaces ( ), colon(:) and slashes (/), at most {KEY_MAX} characters.",
            field="key",
        )
    check_plain(key)
    if len(value) > VALUE_MAX:
        raise Invalid(f"Tag value is over {VALUE_MAX} characters.", field="value")


def check_plain(key: str) -> None:
    """Raise Invalid for a key that, read as a path, is another one: MLflow keeps keys as files in places."""
    plain = posixpath.normpath(key)
    if plain != key or plain == "." or plain.startswith(("/", "..")):
        raise Invalid(
            f"Invalid value '{key[:80]}' for parameter 'key' supplied: Names may be treated as files in certain cases, "
            f"and must not resolve to other names when treated as such. This name would resolve to '{plain[:80]}'",
            field="key",
        )


def skeleton(text: str) -> str:
    """Return `text` in small letters, without accents, look-alikes of other alphabets and widths made our letters."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain.lower().translate(LOOK_ALIKE)


def check_alias(alias: str) -> str:
    """Return `alias`; raise Invalid for `latest`, `v<digits>` and anything outside letters, digits, _ and -."""
    if not alias or len(alias) > ALIAS_MAX or not ALIAS.match(alias):
        raise Invalid(
            f"Invalid alias name: '{alias[:80]}'. It may only contain alphanumerics, underscores (_) and dashes (-), "
            f"at most {ALIAS_MAX} characters.",
            field="alias",
        )
    if alias.lower() == "latest":
        raise Invalid("'latest' alias name (case insensitive) is reserved.", field="alias")
    if ALIAS_NUMBER.match(alias):
        raise Invalid(f"Version alias name '{alias}' is reserved.", field="alias")
    return alias
