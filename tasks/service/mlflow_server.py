"""MLflow's tracking server behind the guard; `python -m tasks.service.mlflow_server`.

It reads the variables that `mlflow server` reads (MLFLOW_HOST, MLFLOW_PORT, MLFLOW_BACKEND_STORE_URI,
MLFLOW_ARTIFACTS_DESTINATION), and ALLOWED_HOSTS, ALLOWED_ORIGINS and SHARDGAN_AUTH for the guard.
"""

import os
import uuid

import uvicorn

from tasks.home import home, read_auth
from tasks.service.children.parents import end_with_parent
from tasks.service.guard import App, Guard
from tasks.service.settings import ALLOWED_HOSTS, ALLOWED_ORIGINS, read_list
from tasks.tracking.databases import make_database, use_write_ahead_log

ARTIFACTS = "mlflow-artifacts:/"  # clients send and fetch files through the server
# MLflow's assistant runs shell commands on this machine for every local client.
CLOSED = ("/ajax-api/3.0/mlflow/assistant", "/api/3.0/mlflow/assistant")


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    end_with_parent()
    if home().backend_uri == os.environ["MLFLOW_BACKEND_STORE_URI"]:
        make_database(home(), ARTIFACTS)
        use_write_ahead_log(home().mlflow_database)
    uvicorn.run(
        make_app(),
        host=os.environ.get("MLFLOW_HOST", "127.0.0.1"),
        port=int(os.environ.get("MLFLOW_PORT", "5000")),
        log_level="warning",
        proxy_headers=False,  # a header must not decide which client counts as local
    )


def make_app() -> App:
    """Return MLflow's app behind the guard, with its stores opened."""
    from mlflow.server import constants

    store = os.environ["MLFLOW_BACKEND_STORE_URI"]
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: ARTIFACTS,
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["MLFLOW_ARTIFACTS_DESTINATION"],
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        # The guard replaces MLflow's own middleware, which allows every page of this machine.
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    }
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(store, store, ARTIFACTS)
    return Guard(
        app,
        hosts=read_list(ALLOWED_HOSTS),
        origins=read_list(ALLOWED_ORIGINS),
        auth=read_auth(),
        closed=CLOSED,
    )


if __name__ == "__main__":
    main()
