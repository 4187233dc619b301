"""A cloud function's process: `python -m tests.pooled_client PERSON TIMES` works as one person.

It says `ready`, waits for a line, and then prints, as JSON, a list per transaction: its number in
the database, the server process that ran it, and what was seen of one's identity.
"""

import json
import sys
from uuid import UUID

from functions.core import db, errors
from functions.core.actor import User

LIMITS = """
    concat_ws(
        ' ', current_setting('statement_timeout'), current_setting('transaction_timeout'),
        current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')
    )
"""
SEEN = f"""
    select
        pg_catalog.pg_current_xact_id()::text::bigint, pg_catalog.pg_backend_pid(),
        current_user::text, auth.uid()::text, {LIMITS},
        (select pg_catalog.array_agg(p.id::text) from public.profiles p), %(number)s::integer
"""


def work(user: User, number: int) -> tuple[object, ...]:
    """One transaction by each of the two ways that there are, in turn."""
    if number % 2:
        [row] = db.call(user, SEEN, {"number": number})
    else:
        with db.transaction(user) as connection:
            [row] = connection.execute(SEEN, {"number": number}).fetchall()
    return row


def fail(user: User) -> None:
    """A transaction that the database ends."""
    try:
        db.call(user, "select 1 / %(zero)s::integer", {"zero": 0})
    except errors.InternalError:
        return
    raise AssertionError("divided by zero")


def main(person: str, times: str) -> None:
    user = User(UUID(person))
    work(user, 0)
    print("ready", flush=True)
    sys.stdin.readline()
    rows = []
    for number in range(int(times)):
        rows.append(work(user, number))
        if number % 10 == 9:
            fail(user)
    print(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
