"""What Alembic runs to bring the tables to this release: the connection is given, and so is its transaction."""

from alembic import context

from llama_stack_provider_litellm.usage.tables import VERSIONS

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSIONS.name,
    # SQLite has it; Alembic does not expect it of Python's driver, which is told to leave transactions alone.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
