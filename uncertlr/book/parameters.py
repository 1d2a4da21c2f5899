"""The parameters of the chapters that judge finished runs: which studies, and where their runs lie."""

from pydantic import BaseModel, ConfigDict, Field


class StudyParameters(BaseModel):
    """What a chapter of evidence reads. It trains nothing.

    >>> StudyParameters(sweeps=["code-changes"]).profile
    ''
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sweeps: list[str] = Field(["cifar10-standard", "imdb-standard"], description="names in sweeps/, or paths of YAML files")
    profile: str = Field("", description="of the runs, in place of the sweeps' own; empty for that")
    root: str = Field("", description="folder of the runs; empty for runs/ in the project")
