"""What the doctor says of the LiteLLM config, of its keys and of its models."""

from __future__ import annotations

import json

from tests.cli.machine import Machine, served

CONFIG = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}
- {model_name: small, litellm_params: {model: openai/text-embedding-3-small, api_key: sk-planted-12345678}}
- {model_name: my-guard, litellm_params: {model: mistral/mistral-large-latest}}
- {model_name: local, litellm_params: {model: ollama_chat/llama3.2}}
- {model_name: named, litellm_params: {model: openai/gpt-4o-mini, litellm_credential_name: mine}}
- {model_name: set, litellm_params: {model: groq/llama-3.3-70b-versatile}}
credential_list:
- {credential_name: mine, credential_values: {api_key: sk-planted-12345678}, credential_info: {}}
environment_variables: {GROQ_API_KEY: sk-planted-12345678}
litellm_settings: {drop_params: true, drop_param: true, max_budget: 5}
"""
LIMITED = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}
- {model_name: unsized, litellm_params: {model: openai/an-embedding, api_key: sk-planted-12345678}}
"""
WRONG = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/PLANTED_UNSET}}
- {model_name: set, litellm_params: {model: groq/llama-3.3-70b-versatile}}
router_settings: {num_retries: many}
environment_variables: {GROQ_API_KEY: sk-planted-12345678}
"""
OTHER_TYPES = """
model_list:
- {model_name: two, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}
- {model_name: two, litellm_params: {model: openai/text-embedding-3-small, api_key: sk-planted-12345678}}
"""


def test_a_config_its_keys_and_its_models(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    config.write_text(CONFIG)
    done = machine.doctor(LITELLM_CONFIG=str(config))
    assert done.status == 0
    assert done.one("config", "ok", f"{config} has 6 deployments.")
    assert done.one("config", "note", "line 12: litellm_settings.drop_param: unknown (did you mean `drop_params`?).")
    needs_proxy = done.one("config", "note", "without a LiteLLM Proxy these do nothing: litellm_settings.max_budget.")
    assert f"llama-stack-litellm check {config}" in needs_proxy["mend"]
    (missing,) = done.of("keys", "warning")
    assert missing["what"] == f"{config}, line 5: my-guard (mistral/mistral-large-latest) has no key."
    assert missing["mend"] == "Set MISTRAL_API_KEY, or give it an `api_key`."
    assert {one["what"] for one in done.of("keys", "ok")} == {
        "present: gpt, small",
        "present in the environment, or not needed: local, set",
        "credential: named",
    }
    models = {model["model"]: (model["type"], model["embedding_dimension"]) for model in done.report["models"]}
    assert models["litellm/small"] == ("embedding", 1536)
    assert models["litellm/gpt"] == ("llm", None)
    assert len(models) == 6
    assert [one["what"] for one in done.of("models")] == ["Models by type: 1 embedding, 5 llm."]


def test_what_the_models_do_not_allow(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    config.write_text(LIMITED)
    done = machine.doctor("--config", config)
    left_out = done.one("models", "warning", "Embedding model 'unsized' is left out: its vector size is unknown.")
    assert "output_vector_size: <N>" in left_out["mend"]
    assert "output_vector_size: <N>" in done.one("models", "warning", "no embedding model: RAG will not work.")["mend"]
    assert "SAFETY_MODEL" in done.one("models", "warning", "no guard model: there will be no shield.")["mend"]


def test_a_wrong_config(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    config.write_text(WRONG)
    done = machine.doctor("--config", config)
    assert done.status == 1
    unset = done.one("config", "error", f"{config}, line 3: model_list[0] (gpt).litellm_params.api_key:")
    assert "PLANTED_UNSET is not set" in unset["what"]
    assert unset["mend"]
    retries = done.one("config", "error", "line 5: router_settings.num_retries: must be a whole number")
    assert retries["mend"] == "Correct it or take it out."
    assert done.of("keys", "warning") == []
    assert done.report["models"] == []


def test_what_only_litellm_and_the_catalogue_refuse(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    config.write_text(OTHER_TYPES)
    done = machine.doctor("--config", config)
    found = done.one("models", "error", "the deployments of 'two' are of different types")
    assert found["mend"].startswith("Give them different `model_name`s")
    assert done.status == 1


def test_no_model_and_no_file(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    absent = machine.doctor("--config", config).one("config", "error", f"{config}: no such file.")
    assert "LITELLM_CONFIG" in absent["mend"]
    config.write_text("model_list: []")
    done = machine.doctor("--config", config)
    assert done.one("models", "warning", "There is no model.")
    assert done.one("config", "warning", "is empty: the stack will have no models.")["mend"] == "Add one."


def test_without_a_config_it_is_what_up_would_serve(machine: Machine) -> None:
    demo = machine.doctor().one("config", "note", "`up` would serve the demo models, scripted, no AI.")
    assert "LITELLM_CONFIG" in demo["mend"]
    done = machine.doctor(OPENAI_API_KEY="sk-planted-12345678")
    assert done.one("config", "note", "`up` would make one from OPENAI_API_KEY.")
    assert {model["model"] for model in done.report["models"]} == {
        "litellm/gpt-4o-mini",
        "litellm/text-embedding-3-small",
        "litellm/openai/*",
    }
    # Nothing is written down: that is for `up`.
    assert not machine.store.exists()


def test_in_proxy_mode_it_is_not_read(machine: Machine) -> None:
    done = machine.doctor("--mode", "proxy", "--config", "absent.yaml")
    assert done.one("config", "note", "absent.yaml is not read in proxy mode")
    assert done.of("keys") == []


def test_what_cannot_stand_in_for_a_proxy(machine: Machine) -> None:
    rows = [
        {"model_name": "gpt", "litellm_params": {"model": "openai/gpt-4o"}, "model_info": {"mode": "chat"}},
        {"model_name": "alone", "litellm_params": {"model": "openai/gpt-4o"}, "model_info": {"mode": "chat"}},
        {
            "model_name": "small",
            "litellm_params": {"model": "openai/text-embedding-3-small"},
            "model_info": {"mode": "embedding", "output_vector_size": 512},
        },
    ]
    listed = [{"id": row["model_name"]} for row in rows]
    routes = {
        "/health/readiness": (200, "application/json", '{"status": "healthy"}'),
        "/v1/models": (200, "application/json", json.dumps({"data": listed})),
        "/v1/model/info": (200, "application/json", json.dumps({"data": rows})),
    }
    config = machine.folder / "config.yaml"
    config.write_text(CONFIG)
    with served(routes) as (url, _):
        done = machine.doctor("--mode", "auto", "--config", config, "--proxy-url", url)
    assert done.one("models", "note", "Only the proxy has alone: nothing can stand in while it is away.")["mend"]
    assert done.one("models", "warning", "'small' has vectors of 512 numbers at the proxy, and of 1536 here.")["mend"]
    models = {model["model"]: model["embedding_dimension"] for model in done.report["models"]}
    assert models["litellm/small"] == 512
    assert {"litellm/alone", "litellm/local"} <= models.keys()
    assert done.of("keys")
