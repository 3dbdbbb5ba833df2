"""Final answers in a type of the caller's: asked for, validated, and re-asked a bounded number of times."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agentkit.errors import InvalidOutput

REPAIRS = 2
"""How often a model may mend its final answer before the run stops."""


def wanted(adapter: TypeAdapter[Any]) -> str:
    """What a model is told about the form of its final answer."""
    schema = json.dumps(adapter.json_schema(), ensure_ascii=False)
    return f"Give your final answer as JSON alone, without any other text, fitting this JSON schema: {schema}"


def parsed(adapter: TypeAdapter[Any], text: str) -> Any:
    """The final answer as JSON that fits.

    Raises:
        InvalidOutput: it does not fit; the message says how.
    """
    try:
        return adapter.dump_python(adapter.validate_json(_without_fence(text)), mode="json")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise InvalidOutput(f"The answer does not fit: {problems}. Answer again with JSON alone.") from None


def _without_fence(text: str) -> str:
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        return stripped.removeprefix("```json").strip("`").strip()
    return stripped
