"""What other systems get to know about a run: OpenLineage events, OpenTelemetry spans and log lines as JSON.

All three are off unless the environment asks for them, and none may fail or slow a run.
"""
