"""What spans and their attributes are called.

The `gen_ai.*` names are our own constants: the conventions are still being changed where they live
(open-telemetry/semantic-conventions-genai), and the published package marks all of them as moved.
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

# Spans. A name in braces follows after a space: `execute_tool email.send`.
INVOKE_AGENT = "invoke_agent"
PLAN = "plan"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
STEP = "agentkit.step"
TOOL_ATTEMPT = "agentkit.tool.attempt"
POLICY_EVALUATE = "agentkit.policy.evaluate"
APPROVAL_REQUEST = "agentkit.approval.request"
APPROVAL_DECIDE = "agentkit.approval.decide"
WAIT = "agentkit.wait"
COMPENSATE = "agentkit.compensate"

# From the conventions
OPERATION = "gen_ai.operation.name"
CONVERSATION = "gen_ai.conversation.id"
AGENT_NAME = "gen_ai.agent.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
OUTPUT_TYPE = "gen_ai.output.type"
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_DESCRIPTION = "gen_ai.tool.description"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
ERROR_TYPE = "error.type"

# Ours
TENANT = "agentkit.tenant"
RUN = "agentkit.run.id"
RUN_STATUS = "agentkit.run.status"
RESUMED_FROM = "agentkit.run.resumed_from.type"
"""What a segment of a run goes on from: `checkpoint`, `pause` or `crash`."""
STEP_NODE = "agentkit.step.node"
TURN = "agentkit.turn"
ACTION = "agentkit.action.id"
ACTION_DIGEST = "agentkit.action.digest"
OUTCOME = "agentkit.outcome"
ATTEMPT = "agentkit.attempt"
RETRY_REASON = "agentkit.retry.reason"
REPEAT = "agentkit.tool.repeat"
UNDO = "agentkit.tool.undo"
DECISION = "agentkit.policy.decision"
POLICY_DIGEST = "agentkit.policy.digest"
POLICY_RULE = "agentkit.policy.rule"
APPROVAL = "agentkit.approval.id"
APPROVAL_OUTCOME = "agentkit.approval.outcome"
WAITED_FOR = "agentkit.wait.for"
UNDOES = "agentkit.undoes.action.id"
CANCELLED = "agentkit.cancelled"
LINK_KIND = "agentkit.link.kind"

TOOL_PREFIX = "gen_ai.tool."
OWN_TOOL_PREFIX = "agentkit.tool."


def allowed(attribute: str, span: str) -> str:
    """The attribute's name on a span of that name.

    Viewers show every span with a `gen_ai.tool.*` attribute as a tool call. So only executions carry them; on
    other spans, such as those of policy and approval, they are called `agentkit.tool.*`.
    """
    if attribute.startswith(TOOL_PREFIX) and span.partition(" ")[0] != EXECUTE_TOOL:
        return OWN_TOOL_PREFIX + attribute.removeprefix(TOOL_PREFIX)
    return attribute
