"""`migrations/schema.sql` shows what the migrations add up to."""

from infra.local import postgres, schema


def test_the_file_is_what_the_migrations_make(server: postgres.Server, template: str) -> None:
    """Whoever changes the schema writes the file anew: `python -m infra.local.schema write`."""
    assert schema.FILE.read_text() == schema.dump(server.url(template))
