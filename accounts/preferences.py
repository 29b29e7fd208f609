"""How a person likes the pages: hers alone, so no event tells of it."""

from dataclasses import asdict, dataclass

from accounts.models import User
from core.refusals import Invalid

THEMES = {"": "Like the system", "light": "Light", "dark": "Dark"}
DENSITIES = {"": "Comfortable", "compact": "Compact"}
TIMES = {"": "UTC", "local": "Local time, with its zone"}
ROWS = (25, 50, 100, 250)


@dataclass(frozen=True)
class Preferences:
    """One choice for each; the defaults are what a page shows to someone who never chose."""

    theme: str = ""
    density: str = ""
    times: str = ""
    rows: int = 50
    single_keys: bool = True


DEFAULTS = Preferences()


def preferences_of(user: User | None) -> Preferences:
    """Return what `user` chose. Her row is read with every session, so this asks the database nothing."""
    if user is None:
        return DEFAULTS
    return Preferences(**{name: getattr(user, name) for name in asdict(DEFAULTS)})


def choose(user: User, chosen: Preferences) -> None:
    """Keep `chosen` for `user`; raise Invalid for a value no page knows."""
    known = {"theme": THEMES, "density": DENSITIES, "times": TIMES, "rows": ROWS}
    for name, values in known.items():
        if getattr(chosen, name) not in values:
            raise Invalid("Choose one of the values offered.", field=name)
    User.objects.filter(pk=user.pk).update(**asdict(chosen))
