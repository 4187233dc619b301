"""Errors of commands: how many began, how many are fixed, how long that took."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.query.models import PeriodAnswer


class ErrorFigures(BaseModel):
    """The errors of a group. An error is a failed command, until the same command succeeds."""

    introduced: int = Field(description="Errors that began in the period.", examples=[4])
    fixed: int = Field(
        description="Errors that were fixed in the period, whenever they began.", examples=[3]
    )
    unresolved: int = Field(
        description="Errors that began in the period and are not fixed by now.", examples=[1]
    )
    success_rate: float | None = Field(
        ge=0,
        le=1,
        description="The share of the introduced errors that are fixed by now. Null if there are"
        " none.",
        examples=[0.75],
    )
    median_fix_seconds: float | None = Field(
        description="The median time from beginning to fix, of the errors that were fixed in the"
        " period. Null if there are none.",
        examples=[600.0],
    )
    mean_fix_seconds: float | None = Field(
        description="The mean time from beginning to fix, of the errors that were fixed in the"
        " period. Null if there are none.",
        examples=[840.0],
    )


class ErrorTotals(ErrorFigures):
    """The errors of a group, and the commands that were run."""

    runs: int = Field(
        description="Commands that ended in the period: all commands of terminals, and those"
        " commands of agents whose program is known.",
        examples=[40],
    )
    failed_runs: int = Field(description="The runs that failed.", examples=[5])
    run_success_rate: float | None = Field(
        ge=0,
        le=1,
        description="The share of the runs that succeeded. Null without runs.",
        examples=[0.875],
    )


class ClassErrors(ErrorFigures):
    """The errors of one class."""

    model_config = ConfigDict(serialize_by_alias=True)

    error_class: str = Field(
        alias="class",
        description="One of syntax, missing_dependency, permission, network, test_failure, compile,"
        " timeout and other.",
        examples=["test_failure"],
    )


class ProgramErrors(ErrorTotals):
    """The errors of one program that agents run."""

    program: str | None = Field(
        description="A program with its subcommand. Null collects commands of terminals, and"
        " failures of agents whose program is not known.",
        examples=["cargo test"],
    )


class LaneErrors(ErrorTotals):
    """The errors of one lane."""

    lane: Literal["human", "agent"] = Field(
        description="human: commands of a terminal. agent: commands that an agent ran.",
        examples=["agent"],
    )


class ProjectErrors(ErrorTotals):
    """The errors of one project."""

    project: str | None = Field(
        description="Null collects the commands that name no project.", examples=["loom"]
    )


class DayErrors(ErrorTotals):
    """The errors of one day. Days without commands and errors are left out."""

    day: str = Field(description="YYYY-MM-DD, in the zone.", examples=["2026-11-20"])


class Errors(BaseModel):
    """The rows of each list sum to the totals."""

    period: PeriodAnswer
    totals: ErrorTotals
    by_class: list[ClassErrors] = Field(description="The class with most errors comes first.")
    by_program: list[ProgramErrors] = Field(description="The program with most errors comes first.")
    by_lane: list[LaneErrors] = Field(description="The lane with most errors comes first.")
    by_project: list[ProjectErrors] = Field(description="The project with most errors comes first.")
    by_day: list[DayErrors] = Field(description="The oldest day comes first.")
    pending_days: int = Field(
        description="Days that are still to be computed, in the background, and that may change"
        " this answer. 0 means that the answer is exact.",
        examples=[0],
    )
