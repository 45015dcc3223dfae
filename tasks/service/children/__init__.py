"""The processes of the service: starting, restarting and ending them, and leaving none behind."""
