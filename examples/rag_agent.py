"""An agent that searches a FAISS vector database when it needs to."""

import os
import uuid

from llama_stack_client import Agent, LlamaStackClient

client = LlamaStackClient(base_url=os.environ.get("LLAMA_STACK_URL", "http://localhost:8321"))

database = client.vector_dbs.register(
    vector_db_id="warehouse",
    embedding_model=os.environ.get("EMBEDDING_MODEL", "litellm/demo-embedding"),
    embedding_dimension=int(os.environ.get("EMBEDDING_DIMENSION", "256")),
)
client.tool_runtime.rag_tool.insert(
    documents=[
        {
            "document_id": "zebra",
            "content": "The zebra that lives in the warehouse is called Marmalade. It eats at noon.",
            "mime_type": "text/plain",
            "metadata": {},
        }
    ],
    vector_db_id=database.identifier,  # the id that the stack gave it
    chunk_size_in_tokens=200,
)

agent = Agent(
    client,
    model=os.environ.get("MODEL", "litellm/demo-chat"),
    instructions="Answer from the documents.",
    tools=[{"name": "builtin::rag/knowledge_search", "args": {"vector_db_ids": [database.identifier]}}],
)
session_id = agent.create_session(f"rag-{uuid.uuid4()}")
turn = agent.create_turn(
    [{"role": "user", "content": "What is the zebra in the warehouse called?"}],
    session_id=session_id,
    stream=False,
)
print([step.step_type for step in turn.steps])
print(turn.output_message.content)
