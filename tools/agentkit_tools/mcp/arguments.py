"""The arguments of an imported tool: a JSON object that the server's own schema, closed, has nothing against."""

import copy
import inspect
from typing import Any, ClassVar, cast

from pydantic import ConfigDict, JsonValue, RootModel, model_validator
from pydantic_core import PydanticCustomError

from agentkit_tools.mcp.fitting import problem_with
from agentkit_tools.mcp.schema import JsonSchema, for_policies


class Arguments(RootModel[dict[str, JsonValue]]):
    """A JSON object. Nothing is coerced, and nothing is filled in: the server has its own defaults."""

    model_config = ConfigDict(frozen=True)

    json_schema: ClassVar[JsonSchema] = {"type": "object"}

    @staticmethod
    def of(name: str, schema: JsonSchema) -> "type[Arguments]":
        """The arguments that this schema, closed already, describes."""
        title = name.replace(".", "_") + "_arguments"
        made = cast("type[Arguments]", type(title, (Arguments,), {"__module__": __name__}))
        made.json_schema = schema
        return made

    @model_validator(mode="after")
    def _fits(self) -> "Arguments":
        if problem := problem_with(self.root, self.json_schema):
            raise PydanticCustomError("json_schema", "{problem}", {"problem": problem})
        return self

    @classmethod
    def model_json_schema(cls, *args: Any, mode: str = "validation", **kwargs: Any) -> JsonSchema:
        """The server's schema, closed; what is written is described in the words that policies understand."""
        return for_policies(cls.json_schema) if mode == "serialization" else copy.deepcopy(cls.json_schema)


class Keywords(inspect.Signature):
    """The signature of an imported tool: any keyword, even one that is no name in Python. The schema checks them."""

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """What is given, as it is.

        Raises:
            TypeError: an argument has no name.
        """
        if args:
            raise TypeError("give the arguments of an imported tool by name")
        bound = super().bind()
        bound.arguments.update(kwargs)
        return bound
