"""The base of what goes over the wire."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A model that is built when it is first used: a cold start uses those of one route."""

    model_config = ConfigDict(defer_build=True)
