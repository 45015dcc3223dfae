"""The service: its settings, servers, databases, workers, deployments, and the doctor that checks them.

May import trainer, reports, tasks.home and tasks.errors.
"""

__all__ = ["doctor", "monitoring", "processes", "provisioning", "settings", "temporary_server"]
