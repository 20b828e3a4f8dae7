"""The Responses API: a model that searches documents, and one that uses the tools of an MCP server."""

import io
import os

from openai import OpenAI

url = os.environ.get("LLAMA_STACK_URL", "http://localhost:8321")
client = OpenAI(base_url=f"{url}/v1/openai/v1", api_key="unused")
model = os.environ.get("MODEL", "litellm/demo-chat")

text = b"The zebra that lives in the warehouse is called Marmalade. It eats at noon."
file = client.files.create(file=("zebra.txt", io.BytesIO(text)), purpose="assistants")
store = client.vector_stores.create(
    name="warehouse",
    extra_body={
        "embedding_model": os.environ.get("EMBEDDING_MODEL", "litellm/demo-embedding"),
        "embedding_dimension": int(os.environ.get("EMBEDDING_DIMENSION", "256")),
    },
)
client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id)
answer = client.responses.create(
    model=model,
    input="What is the zebra in the warehouse called?",
    tools=[{"type": "file_search", "vector_store_ids": [store.id]}],
)
print([item.type for item in answer.output])
print(answer.output_text)

# examples/mcp_server.py is one to begin with.
if mcp_url := os.environ.get("MCP_URL"):
    answer = client.responses.create(
        model=model,
        input='Fetch the text of the note with the title "shopping".',
        tools=[{"type": "mcp", "server_label": "notes", "server_url": mcp_url, "require_approval": "never"}],
    )
    print([item.type for item in answer.output])
    print(answer.output_text)
