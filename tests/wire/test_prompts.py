"""The prompt registry of the unmodified client rides on models and versions."""

import pytest

from tests.wire.conftest import Client

pytestmark = pytest.mark.wire


def test_prompts_are_registered_found_loaded_aliased_and_deleted(client: Client) -> None:
    client.run(
        "dana",
        """
import mlflow.genai as genai

first = genai.register_prompt("greeting", "Hello {{name}}!", commit_message="first", tags={"lang": "en"})
assert (first.name, first.version, first.template) == ("greeting", 1, "Hello {{name}}!"), first
second = genai.register_prompt("greeting", "Good day {{name}}!", commit_message="politer")
assert second.version == 2
assert genai.load_prompt("greeting", version=1).template == "Hello {{name}}!"
assert genai.load_prompt("prompts:/greeting/2").format(name="Ada") == "Good day Ada!"
genai.set_prompt_alias("greeting", "polite", 2)
assert genai.load_prompt("prompts:/greeting@polite").version == 2
assert genai.load_prompt("greeting").version == 2
assert client.get_prompt_version_by_alias("greeting", "polite").version == 2
genai.delete_prompt_alias("greeting", "polite")

chat = genai.register_prompt("chat", [{"role": "system", "content": "You are {{who}}."}])
assert genai.load_prompt("chat", version=1).format(who="kind") == [{"role": "system", "content": "You are kind."}]

names = lambda found: sorted(one.name for one in found if one.name in {"chat", "greeting", "a model"})
assert names(genai.search_prompts()) == ["chat", "greeting"]
assert names(genai.search_prompts("name LIKE 'gr%'")) == ["greeting"]
assert len(client.search_prompt_versions("greeting")) == 2
genai.set_prompt_tag("greeting", "team", "x")
genai.set_prompt_version_tag("greeting", 1, "checked", "yes")
assert genai.get_prompt_tags("greeting")["team"] == "x"
assert names(genai.search_prompts("tags.team = 'x'")) == ["greeting"]
assert genai.load_prompt("greeting", version=1).tags["checked"] == "yes"
genai.delete_prompt_version_tag("greeting", 1, "checked")
genai.delete_prompt_tag("greeting", "team")
assert client.get_prompt("greeting").name == "greeting" and client.get_prompt("none") is None

client.create_registered_model("a model")
assert not {"chat", "greeting"} & set(names(client.search_registered_models()))
assert "a model" in names(client.search_registered_models())
assert not {"chat", "greeting"} & {one.name for one in client.search_model_versions()}
assert names(client.search_model_versions("tags.`mlflow.prompt.is_prompt` = 'true'")) == ["chat", "greeting", "greeting"]
assert refusal(genai.register_prompt, "a model", "text")[0] == "INVALID_PARAMETER_VALUE"
assert refusal(client.create_prompt, "greeting")[0] == "RESOURCE_ALREADY_EXISTS"

client.delete_prompt_version("greeting", "1")
assert refusal(client.get_prompt_version, "greeting", 1)[0] == "RESOURCE_DOES_NOT_EXIST"
assert client.get_prompt_version("greeting", 2).template == "Good day {{name}}!"
client.delete_prompt("chat")
assert names(genai.search_prompts()) == ["greeting"]
""",
    )
