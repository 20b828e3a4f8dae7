"""Chat with a model of your LiteLLM config: Llama Stack's own API, and the OpenAI client."""

import os

from llama_stack_client import LlamaStackClient
from openai import OpenAI

url = os.environ.get("LLAMA_STACK_URL", "http://localhost:8321")
model = os.environ.get("MODEL", "litellm/demo-chat")

client = LlamaStackClient(base_url=url)
response = client.inference.chat_completion(
    model_id=model,
    messages=[{"role": "user", "content": "Say hello to the zebra."}],
)
print(response.completion_message.content)

openai = OpenAI(base_url=f"{url}/v1/openai/v1", api_key="unused")
answer = openai.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "Say hello to the zebra."}],
)
print(answer.choices[0].message.content)
