"""RAG with FAISS over this repository's own documents."""

from __future__ import annotations

from typing import Any

import pytest
from llama_stack_client import Agent

from tests.differences import needs
from tests.processes import ROOT
from tests.stack import Stack

pytestmark = needs("RAG tool")

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md")


@pytest.fixture
def vector_db(stack: Stack, word: str) -> str:
    """A vector database with our documents and one more, which alone knows the answer."""
    client = stack.client()
    registered = client.vector_dbs.register(
        vector_db_id=f"docs-{word}", embedding_model="litellm/embedding", embedding_dimension=64
    )
    documents: list[Any] = [
        {"document_id": name, "content": (ROOT / name).read_text(), "mime_type": "text/plain", "metadata": {}}
        for name in DOCUMENTS
    ]
    secret = f"The zebra of the warehouse is called {word} by its keepers."
    documents.append({"document_id": "zebra", "content": secret, "mime_type": "text/plain", "metadata": {}})
    client.tool_runtime.rag_tool.insert(
        documents=documents, vector_db_id=registered.identifier, chunk_size_in_tokens=200
    )
    return str(registered.identifier)


def test_a_query_finds_the_words(stack: Stack, vector_db: str, word: str) -> None:
    found = stack.client().tool_runtime.rag_tool.query(
        content="What is the zebra of the warehouse called?", vector_db_ids=[vector_db]
    )
    assert word in str(found.content)
    # What insert answers tells nothing: it is 200 on failure. So look for our documents, too.
    chunks = stack.client().vector_io.query(vector_db_id=vector_db, query="report a vulnerability").chunks
    security = (ROOT / "SECURITY.md").read_text()
    assert any(str(chunk.content)[:60] in security for chunk in chunks)


def test_an_agent_decides_when_to_search(stack: Stack, model: str, vector_db: str, word: str) -> None:
    rag: Any = {"name": "builtin::rag/knowledge_search", "args": {"vector_db_ids": [vector_db]}}
    agent: Any = Agent(stack.client(), model=model, instructions="Use the search when you need it.", tools=[rag])
    session = agent.create_session(f"rag-{word}")

    def turn(text: str) -> Any:
        return agent.create_turn([{"role": "user", "content": text}], session_id=session, stream=False)

    small_talk = turn("good morning")
    assert [step.step_type for step in small_talk.steps] == ["inference"]
    question = turn("What is the zebra of the warehouse called?")
    assert "tool_execution" in [step.step_type for step in question.steps]
    assert question.output_message.content.startswith("found: ")
    assert word in question.output_message.content
