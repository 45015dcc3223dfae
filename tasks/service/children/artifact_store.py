"""Where MLflow keeps its artifacts for a home, and what its clients need for that.

MLflow has its own clients for stores, with their own names for URIs and credentials.
"""

import os
from importlib import import_module

from tasks.errors import RequestError
from tasks.home import Home

# The protocol of MLflow, the module that its client imports, and the extra of this package that installs the module.
_CLIENTS = {
    "s3": ("s3", "boto3", "service"),
    "s3a": ("s3", "boto3", "service"),
    "gs": ("gs", "google.cloud.storage", "gcs"),
    "gcs": ("gs", "google.cloud.storage", "gcs"),
    "az": ("wasbs", "azure.storage.blob", "azure"),
    "abfs": ("wasbs", "azure.storage.blob", "azure"),
    "abfss": ("wasbs", "azure.storage.blob", "azure"),
}


def artifact_environment(here: Home) -> dict[str, str]:
    """Return the environment that tells the MLflow server where artifacts are kept, and how to reach them.

    Raises RequestError where MLflow's client of the store is not installed, or for an Azure account without a name.
    """
    if not here.is_remote:
        return {"MLFLOW_ARTIFACTS_DESTINATION": here.mlartifacts.as_uri()}
    protocol, _, path = f"{here.shared}/mlartifacts".partition("://")
    if protocol not in _CLIENTS:
        raise RequestError(
            f"SHARDGAN_HOME is {here.shared}, where MLflow cannot keep artifacts: use a folder, or a URI with s3://, "
            "gs:// or az://"
        )
    name, module, extra = _CLIENTS[protocol]
    _check_client(here, module, extra)
    if name != "wasbs":
        return {"MLFLOW_ARTIFACTS_DESTINATION": f"{name}://{path}"}
    container, _, rest = path.partition("/")
    uri = f"wasbs://{container}@{_azure_account(here)}.blob.core.windows.net/{rest}"
    # Our client of Azure reads the key from the first variable, and MLflow's from the second.
    key = os.environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    has_other = {"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCESS_KEY"} & os.environ.keys()
    given = {"AZURE_STORAGE_ACCESS_KEY": key} if key and not has_other else {}
    return {"MLFLOW_ARTIFACTS_DESTINATION": uri, **given}


def _check_client(here: Home, module: str, extra: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise RequestError(
            f"SHARDGAN_HOME is {here.shared}, and MLflow needs the package {module} to keep artifacts there, which is "
            f"not installed: pip install 'shardgan[{extra}]'"
        ) from error


def _azure_account(here: Home) -> str:
    """Read the name of the storage account from the environment. Our URIs do not contain it."""
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME") or parts.get("AccountName")
    if not account:
        raise RequestError(
            f"SHARDGAN_HOME is {here.shared}, but neither AZURE_STORAGE_ACCOUNT_NAME nor "
            "AZURE_STORAGE_CONNECTION_STRING names the account: set one of them"
        )
    return account
