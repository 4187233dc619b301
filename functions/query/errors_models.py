"""Errors of commands: how many began, how many are fixed, how long that took."""

from pydantic import BaseModel, ConfigDict, Field

from functions.query.models import PeriodAnswer


class ErrorFigures(BaseModel):
    """Of a group of errors. An error is a failed command until the same command succeeds."""

    introduced: int = Field(description="Began in the period")
    fixed: int = Field(description="Fixed in the period, whenever they began")
    unresolved: int = Field(description="Began in the period and are not fixed by now")
    success_rate: float | None = Field(
        ge=0, le=1, description="Fixed by now ÷ introduced; null without errors"
    )
    median_fix_seconds: float | None = Field(
        description="From beginning to fix, of the errors fixed in the period; null without any"
    )
    mean_fix_seconds: float | None = Field(description="Likewise")


class ErrorTotals(ErrorFigures):
    """With the commands that were run."""

    runs: int = Field(description="Commands that ended in the period")
    failed_runs: int = Field(description="Of these, with an exit code that is not 0")
    run_success_rate: float | None = Field(
        ge=0, le=1, description="Share of runs with exit code 0; null without runs"
    )


class ClassErrors(ErrorFigures):
    """One class's."""

    model_config = ConfigDict(serialize_by_alias=True)

    error_class: str = Field(
        alias="class",
        description="syntax, missing_dependency, permission, network, test_failure, compile,"
        " timeout or other",
    )


class ProjectErrors(ErrorTotals):
    """One project's."""

    project: str | None = Field(description="Null: of commands that name none")


class DayErrors(ErrorTotals):
    """One day's; days without commands and errors are left out."""

    day: str = Field(description="YYYY-MM-DD, in the zone")


class Errors(BaseModel):
    """The sums over each list are the totals."""

    period: PeriodAnswer
    totals: ErrorTotals
    by_class: list[ClassErrors] = Field(description="Most introduced first")
    by_project: list[ProjectErrors] = Field(description="Most introduced first")
    by_day: list[DayErrors] = Field(description="Oldest first")
