"""Chat with a model of your LiteLLM config: the Llama Stack client, and the OpenAI client."""

import os

from llama_stack_client import LlamaStackClient
from openai import OpenAI

url = os.environ.get("LLAMA_STACK_URL", "http://localhost:8321")
model = os.environ.get("MODEL", "litellm/demo-chat")

for client in (LlamaStackClient(base_url=url), OpenAI(base_url=f"{url}/v1/openai/v1", api_key="unused")):
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Say hello to the zebra."}],
    )
    print(answer.choices[0].message.content)
