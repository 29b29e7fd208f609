import os
import subprocess
import sys
from pathlib import Path

import pytest

import manage
from config import env
from config.env import BadSetting, read_all

ROOT = Path(__file__).resolve().parents[2]
BAD = [
    ("SIGNOFF_DATABASE_URL", "sqlite:///x"),
    ("SIGNOFF_DATABASE_URL", "mysql://root@db/signoff"),
    ("SIGNOFF_MIGRATE_DATABASE_URL", "signoff"),
    ("SIGNOFF_PUBLIC_URL", "signoff.example.org"),
    ("SIGNOFF_PUBLIC_URL", "ftp://signoff.example.org"),
    ("SIGNOFF_PUBLIC_URL", "https://signoff.example.org/prefix"),
    ("SIGNOFF_PUBLIC_URL", "http://signoff.example.org"),
    ("SIGNOFF_ALLOWED_HOSTS", "signoff.example.org,*"),
    ("SIGNOFF_HOME", ""),
    ("SIGNOFF_TLS_PROXY", "true"),
    ("SIGNOFF_REDIS_URL", "localhost:6379"),
    ("SIGNOFF_APPROVALS", "no"),
    ("SIGNOFF_APPROVALS", "OFF"),
    ("SIGNOFF_APPROVALS", ""),
    ("SIGNOFF_SECRET_KEY", "short"),
    ("SIGNOFF_REQUEST_TTL_DAYS", "0"),
    ("SIGNOFF_REQUEST_TTL_DAYS", "91"),
    ("SIGNOFF_TOKEN_TTL_DAYS", "-1"),
    ("SIGNOFF_TOKEN_TTL_DAYS", "1.5"),
    ("SIGNOFF_ARTIFACTS_URL", "https://bucket"),
    ("SIGNOFF_KUBERNETES_GATEWAY", "public"),
    ("SIGNOFF_KUBERNETES_ADDRESS", "signoff.example.org"),
    ("SIGNOFF_MAX_UPLOAD_MB", "٣"),
    ("SIGNOFF_CORE_HOUR_PRICE", "free"),
    ("SIGNOFF_CORE_HOUR_PRICE", "-1"),
    ("SIGNOFF_CORE_HOUR_PRICE", "nan"),
    ("SIGNOFF_PREDICTIONS_DAYS", "0"),
    ("SIGNOFF_WEBHOOK_ALLOWED_SCHEMES", "https,ftp"),
    ("SIGNOFF_WEBHOOK_ALLOWED_SCHEMES", ""),
    ("SIGNOFF_WEBHOOK_ALLOW_PRIVATE", "yes"),
    ("SIGNOFF_MAIL_URL", "mail.example.org"),
    ("SIGNOFF_MAIL_FROM", "signoff"),
    ("SIGNOFF_DELIVERIES_DAYS", "0"),
    ("SIGNOFF_LOG_LEVEL", "chatty"),
    ("SIGNOFF_LOG_FORMAT", "xml"),
    ("SIGNOFF_GALLERY", "1"),
]
WHATEVER = {env.text}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_stops_the_start_with_what_to_set(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{name}: set it to "):
        read_all({name: value})


def test_every_reader_that_can_refuse_has_a_bad_value_above() -> None:
    picky = {setting.name for setting in env.SETTINGS if setting.read not in WHATEVER}
    assert picky == {name for name, _ in BAD}


@pytest.mark.parametrize("name", ["SIGNOFF_APROVALS", "SIGNOFF_", "SIGNOFF_DEBUG"])
def test_a_name_that_is_no_setting_stops_the_start(name: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} is not a setting of Signoff"):
        read_all({name: "on", "PATH": "/bin"})


def test_every_default_can_be_read() -> None:
    found = read_all({})
    assert found["home"] == Path("var").absolute()
    assert (found["approvals"], found["tls_proxy"], found["gallery"]) == (True, False, False)
    assert (found["request_ttl_days"], found["token_ttl_days"]) == (7, 90)
    assert found.keys() == {setting.name.removeprefix("SIGNOFF_").lower() for setting in env.SETTINGS}


def test_values_arrive_as_what_they_mean() -> None:
    found = read_all(
        {
            "SIGNOFF_HOME": "~/home",
            "SIGNOFF_ALLOWED_HOSTS": "a.example, b.example ,",
            "SIGNOFF_PUBLIC_URL": "https://signoff.example.org/",
            "SIGNOFF_DATABASE_URL": "postgres://app@db/signoff",
            "SIGNOFF_APPROVALS": "off",
        }
    )
    assert found["home"] == Path.home() / "home"
    assert found["allowed_hosts"] == ["a.example", "b.example"]
    assert found["public_url"] == "https://signoff.example.org"
    assert found["database_url"] == "postgres://app@db/signoff"
    assert found["approvals"] is False


@pytest.mark.parametrize("words", [["--home", "/srv/a"], ["--home=/srv/a"]])
def test_the_home_of_the_command_line_wins_and_is_taken_off_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNOFF_HOME", "/srv/b")
    assert manage.take_home(["manage.py", "up", *words, "--port", "1"]) == ["manage.py", "up", "--port", "1"]
    assert os.environ["SIGNOFF_HOME"] == "/srv/a"


def test_a_home_without_a_folder_is_refused() -> None:
    with pytest.raises(SystemExit, match="--home DIR"):
        manage.take_home(["manage.py", "up", "--home"])


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own that has no settings but `environ`."""
    ours = ("SIGNOFF_", "DJANGO_", "TEST_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, check=False
    )


def test_the_home_is_taken_before_settings_load(tmp_path: Path) -> None:
    done = run("manage.py", "diffsettings", "--home", str(tmp_path))
    assert f"HOME = {tmp_path!r}" in done.stdout, done.stderr


def test_a_mistyped_home_is_said_and_left_unmade(tmp_path: Path) -> None:
    home = tmp_path / "hmoe"
    done = run("manage.py", "create_user", "dana", "--home", str(home))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"There is no home at {home}.")
    assert not home.exists()


@pytest.mark.parametrize("words", [["help"], ["makemigrations", "--check", "--dry-run"], ["up", "--help"]])
def test_what_is_asked_of_the_code_makes_no_home(words: list[str], tmp_path: Path) -> None:
    done = run("manage.py", *words, "--home", str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home").exists()


def test_the_command_line_answers_a_bad_setting_with_one_sentence() -> None:
    done = run("manage.py", "up", SIGNOFF_APPROVALS="maybe")
    assert (done.returncode, done.stderr) == (1, "SIGNOFF_APPROVALS: set it to on or off.\n")
    done = run("manage.py", "up", SIGNOFF_APROVALS="off")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_server_started_another_way_refuses_it_too(tmp_path: Path) -> None:
    done = run("-c", "import config.wsgi", SIGNOFF_HOME=str(tmp_path), SIGNOFF_APPROVALS="maybe")
    assert done.stderr.splitlines()[-1].endswith("ImproperlyConfigured: SIGNOFF_APPROVALS: set it to on or off.")


@pytest.mark.parametrize(
    ("command", "role"), [("migrate", "owner"), ("grant_app_role", "owner"), ("up", "app"), ("audit_verify", "app")]
)
def test_only_the_owners_commands_connect_as_the_owner(tmp_path: Path, command: str, role: str) -> None:
    script = "from config import settings; print(settings.DATABASES['default']['USER'])"
    done = run(
        "-c",
        script,
        command,
        SIGNOFF_HOME=str(tmp_path),
        SIGNOFF_DATABASE_URL="postgresql://app@db/signoff",
        SIGNOFF_MIGRATE_DATABASE_URL="postgresql://owner@db/signoff",
    )
    assert done.stdout.strip() == role, done.stderr


@pytest.mark.parametrize("home", ["/proc/nope", "/dev/null", "/dev/null/below"])
def test_a_home_that_cannot_be_one_is_said_in_one_sentence(home: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"], cwd=ROOT, env={**os.environ, "SIGNOFF_HOME": home},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"SIGNOFF_HOME: {home} cannot be made")
    assert done.stderr.count("\n") == 1
