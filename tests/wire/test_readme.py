"""The README's ten lines do what the README says."""

import re
import textwrap

import pytest

from tests.wire.conftest import Client
from tests.wire.homes import ROOT
from tests.wire.server import Server

pytestmark = pytest.mark.wire
PROMOTE = "promote = client.transition_model_version_stage\n"


def test_the_quick_start_is_refused_signed_off_and_done(client: Client, server: Server) -> None:
    first, again = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    guarded = f"try:\n{textwrap.indent(first, '    ')}\nexcept MlflowException as why:\n    print(why.message)"
    said = client.run("dana", guarded)
    refused = re.search(r"^PERMISSION_DENIED: Iris version 1 needs .*/approvals/(\d+) ", said, re.MULTILINE)
    assert refused, said
    server.decide(int(refused[1]), by="rita")
    shown = 'print(client.get_model_version_by_alias("Iris", "champion").current_stage)'
    assert client.run("dana", PROMOTE + again + shown).strip() == "Production"
