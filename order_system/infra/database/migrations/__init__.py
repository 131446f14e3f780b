"""The history of the tables, by alembic. `Database.migrate` runs it, inside a transaction of its own."""
