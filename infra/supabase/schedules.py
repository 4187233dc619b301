"""The list of jobs in supabase/schedules.sql; `python -m infra.generate` writes it there."""

from collections.abc import Iterable

from functions.core.jobs import Job


def rows(jobs: Iterable[Job]) -> str:
    """The statement that says which jobs are wanted, and when."""
    lines = [f"('{job.name}', '{job.cron}')" for job in sorted(jobs, key=lambda job: job.name)]
    return "insert into wanted (job_name, cron) values\n" + ",\n".join(lines) + ";\n"
