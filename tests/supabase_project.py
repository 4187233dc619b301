"""A database as Supabase hands it to a new project, as far as a plain Postgres can be one."""

from pathlib import Path

import psycopg
from psycopg import sql

from infra.local import postgres

BOOTSTRAP = Path(postgres.__file__).with_name("bootstrap.sql")

# Not a superuser: a project's `postgres` may create roles and databases, passes row-level security,
# and may hand on the three roles of the API. Here `postgres` is the cluster's superuser, so:
ADMIN = "project_admin"

_ADMIN = f"""
    do $$
    begin
        create role {ADMIN} login createdb createrole bypassrls;
    exception when duplicate_object then null;
    end
    $$;
"""
# Everything new in `public` is the API's to use, unless a migration takes it back.
_HAND_ON = f"grant anon, authenticated, service_role to {ADMIN} with admin option"
_DEFAULTS = """
    alter default privileges for role {} in schema public
        grant all on tables to anon, authenticated, service_role;
    alter default privileges for role {} in schema public
        grant all on functions to anon, authenticated, service_role;
    alter default privileges for role {} in schema public
        grant all on sequences to anon, authenticated, service_role;
"""


def create(server: postgres.Server, name: str) -> str:
    """A new, empty project's database; returns the address at which its administrator logs in."""
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(_ADMIN)
        superuser.execute(
            sql.SQL("create database {} owner {}").format(
                sql.Identifier(name), sql.Identifier(ADMIN)
            )
        )
        superuser.execute(  # what the API shows, for the advisors
            sql.SQL("alter database {} set pgrst.db_schemas = 'public'").format(
                sql.Identifier(name)
            )
        )
    with psycopg.connect(server.url(name), autocommit=True) as superuser:
        superuser.execute(BOOTSTRAP.read_text())
        superuser.execute(_HAND_ON.encode())
        superuser.execute(_DEFAULTS.replace("{}", ADMIN).encode())
    return server.url(name, ADMIN)


def make_each_new_database_one(server: postgres.Server) -> None:
    """From now on `create database` makes a project's, for tests that know of none."""
    with psycopg.connect(server.url("template1"), autocommit=True) as superuser:
        superuser.execute(BOOTSTRAP.read_text())
        superuser.execute(_DEFAULTS.replace("{}", "postgres").encode())
