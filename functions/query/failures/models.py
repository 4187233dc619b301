"""Failures of commands: how many began, how many are fixed, how long that took."""

from typing import Literal

from pydantic import ConfigDict, Field

from functions.core.models import Model
from functions.query.models import Asked, AskedPeriod, PendingDays
from functions.query.parameters import ProjectFilter, SourceFilter


class FailuresAsked(Asked):
    """Which failures are counted: those of this source on this project, if these are named."""

    source: SourceFilter = None
    project: ProjectFilter = None


FailureClass = Literal[
    "syntax",
    "missing_dependency",
    "permission",
    "network",
    "test_failure",
    "compile",
    "timeout",
    "other",
]


class FailureFigures(Model):
    """The failures of a group. A failure lasts until the same command succeeds."""

    introduced: int = Field(description="This many failures began in the period.", examples=[4])
    fixed: int = Field(
        description="This many failures were fixed in the period, whenever they began.",
        examples=[3],
    )
    unresolved: int = Field(
        description="This many failures began in the period and are not fixed by now.", examples=[1]
    )
    success_rate: float | None = Field(
        ge=0,
        le=1,
        description="This is the share of the introduced failures that are fixed by now. It is null"
        " if there are none.",
        examples=[0.75],
    )
    median_fix_seconds: float | None = Field(
        description="This is the median time from beginning to fix, of the failures that were fixed"
        " in the period. It is null if there are none.",
        examples=[600.0],
    )
    mean_fix_seconds: float | None = Field(
        description="This is the mean time from beginning to fix, of the failures that were fixed"
        " in the period. It is null if there are none.",
        examples=[840.0],
    )


class FailureTotals(FailureFigures):
    """The failures of a group, and the commands that were run."""

    runs: int = Field(
        description="This many commands ended in the period: all commands of terminals, and those"
        " commands of agents whose program is known.",
        examples=[40],
    )
    failed_runs: int = Field(description="This many of the runs failed.", examples=[5])
    run_success_rate: float | None = Field(
        ge=0,
        le=1,
        description="This is the share of the runs that succeeded. It is null without runs.",
        examples=[0.875],
    )


class ClassFailures(FailureFigures):
    """The failures of one class."""

    model_config = ConfigDict(serialize_by_alias=True)

    failure_class: FailureClass = Field(
        alias="class",
        description="This says what kind of failure it is, as the command's output shows.",
        examples=["test_failure"],
    )


class ProgramFailures(FailureTotals):
    """The failures of one program that agents run."""

    program: str | None = Field(
        description="This is the program with its subcommand. It is null for commands of terminals,"
        " and for failures of agents whose program is not known.",
        examples=["cargo test"],
    )


class LaneFailures(FailureTotals):
    """The failures of one lane."""

    lane: Literal["human", "agent"] = Field(
        description="The commands were run in a terminal (`human`) or by an agent (`agent`).",
        examples=["agent"],
    )


class ProjectFailures(FailureTotals):
    """The failures of one project."""

    project: str | None = Field(
        description="This is the project. It is null for commands that name none.",
        examples=["loom"],
    )


class DayFailures(FailureTotals):
    """The failures of one day. Days without commands and failures are left out."""

    day: str = Field(
        description="This is the day in the zone, as YYYY-MM-DD.",
        examples=["2026-11-20"],
        json_schema_extra={"format": "date"},
    )


class Failures(Model):
    """The rows of each list sum to the totals."""

    period: AskedPeriod
    totals: FailureTotals = Field(description="These are all failures and commands of the period.")
    by_class: list[ClassFailures] = Field(description="The class with most failures comes first.")
    by_program: list[ProgramFailures] = Field(
        description="The program with most failures comes first."
    )
    by_lane: list[LaneFailures] = Field(description="The lane with most failures comes first.")
    by_project: list[ProjectFailures] = Field(
        description="The project with most failures comes first."
    )
    by_day: list[DayFailures] = Field(description="The oldest day comes first.")
    pending_days: PendingDays
