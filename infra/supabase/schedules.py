"""`python -m infra.supabase.schedules [--check]` writes the list of jobs in supabase/schedules.sql.

Everything else in that file is written by hand. With `--check` nothing is written; the exit code
says whether the list is that of functions/schedule.py.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from functions.core.jobs import Job
from functions.schedule import JOBS

FILE = Path(__file__).parents[2] / "supabase/schedules.sql"
BEGIN = "-- jobs of functions/schedule.py: begin\n"
END = "-- jobs of functions/schedule.py: end\n"


class NoList(Exception):
    """The two lines that enclose the list are missing."""


def rows(jobs: Iterable[Job]) -> str:
    """The statement that says which jobs are wanted, and when."""
    lines = [f"('{job.name}', '{job.cron}')" for job in sorted(jobs, key=lambda job: job.name)]
    return "insert into wanted (job_name, cron) values\n" + ",\n".join(lines) + ";\n"


def with_jobs(text: str, jobs: Iterable[Job]) -> str:
    """`text` with its list replaced. Raises `NoList`."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoList(f"{FILE.name} lacks the line {(BEGIN if not begin else END).strip()!r}")
    return before + begin + rows(jobs) + end + after


def main() -> int:
    """0 when the file is as it should be, now or already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args().check
    found = FILE.read_text(encoding="utf-8")
    wanted = with_jobs(found, JOBS.values())
    if found == wanted:
        return 0
    if check:
        print(
            "supabase/schedules.sql is not the schedule of functions/schedule.py:"
            " run python -m infra.supabase.schedules",
            file=sys.stderr,
        )
        return 1
    FILE.write_text(wanted, encoding="utf-8")
    print("supabase/schedules.sql written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
