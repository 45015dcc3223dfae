"""Creates the databases of the two servers: on a PostgreSQL server if there is one, else Prefect's SQLite file.

Prefect and MLflow need a database each, because both call a table alembic_version. Deployments that have their former
name in Prefect's database are renamed.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tasks.errors import RequestError, ServiceError
from tasks.home import sqlite_uri
from tasks.service.settings import DATABASE_URL, database_url
from tasks.tracking.databases import cache_folder, ensure_whole, make_from_template

logger = logging.getLogger("prefect.server.shardgan")
NAMES = ("prefect", "mlflow")
DATA_TABLES = ("flow_run", "deployment", "block_document", "variable")
# Once, eight flows had a deployment with this name. Their deployments' names of today, by flow:
FORMER_NAME = "on-demand"
TODAY = {
    "build-dataset": "images-to-shards",
    "evaluate-gan": "score-and-promote",
    "pipeline": "images-to-champion",
    "compression-study": "compare-codecs",
    "generate-images": "generate-dataset",
    "screen-images": "screen-incoming-images",
    "promote-model": "promote-by-hand",
    "rollback-model": "restore-previous-champion",
}


def ensure_databases() -> None:
    """Create the missing databases if `SHARDGAN_DATABASE_URL` names a server.

    Raises ServiceError if it does not answer or refuses.
    """
    if not database_url(NAMES[0]):
        return
    try:
        import psycopg2  # an extra: not needed with SQLite
        from psycopg2 import sql
    except ImportError as error:
        raise RequestError(f"{DATABASE_URL} is set, which needs `pip install 'shardgan[service]'`") from error
    try:
        connection = psycopg2.connect(database_url("postgres"))
        connection.autocommit = True  # a database cannot be created inside a transaction
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            for name in sorted(set(NAMES) - {row[0] for row in cursor.fetchall()}):
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.close()
    except psycopg2.Error as error:
        where = urlsplit(database_url("postgres")).hostname
        raise ServiceError(f"PostgreSQL at {where}: {error}; see {DATABASE_URL}") from error


def migrate_prefect() -> bool:
    """Create or update the tables of Prefect's SQLite database. Call this before the server starts.

    Returns False for another kind of database: the server does this itself.
    """
    import prefect
    from prefect.server.utilities.database import get_dialect
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
    from sqlalchemy.engine import make_url

    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    path = make_url(url).database or ":memory:"
    if get_dialect(url).name != "sqlite" or ":memory:" in path:
        return False
    major, minor, patch = (int(part) for part in prefect.__version__.split("+")[0].split(".")[:3])
    template = cache_folder() / f"prefect-{prefect.__version__}.db"
    ensure_whole(
        Path(path), major * 10**6 + minor * 10**3 + patch, DATA_TABLES, lambda path: _make_tables(path, template)
    )
    return True


def _make_tables(path: Path, template: Path) -> None:
    """Create or update the tables. A new database is a copy of `template`, because the migrations take 9 s of CPU."""
    if path.exists():
        _migrate_in_child(path)
        return
    # This file says that the block types were recorded, but in a database that no longer exists.
    path.with_name("memo_store.toml").unlink(missing_ok=True)
    make_from_template(path, template, _migrate_in_child)


def _migrate_in_child(path: Path) -> None:
    """Run Prefect's migrations on a file other than the one in the settings. A fork isolates their global state."""
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        if code := os.waitstatus_to_exitcode(status):
            raise ServiceError(f"Prefect's tables could not be created ({code}): the lines above say why")
        return
    code = 1
    try:
        from prefect.server.database import provide_database_interface
        from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

        with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: sqlite_uri(path, "sqlite+aiosqlite")}):
            asyncio.run(provide_database_interface().create_db())
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


async def rename_deployments() -> None:
    """Give deployments with the former name today's name. Call this in the server's process, when it has its tables.

    Prefect's API cannot rename a deployment. Only the name in its row changes: the id stays, and with it the schedules,
    parameters, flow runs and automations. A flow that has a deployment with today's name is left as it is.
    """
    import sqlalchemy as sa
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    deployment, flow = database.Deployment, database.Flow
    query = sa.select(flow.name, deployment.name, deployment.id).join(flow, deployment.flow_id == flow.id)
    async with database.session_context(begin_transaction=True) as session:
        found = (await session.execute(query.where(flow.name.in_(TODAY)))).all()
        named = {(of, name) for of, name, _ in found}
        for of, name, identity in found:
            if name == FORMER_NAME and (of, TODAY[of]) not in named:
                await session.execute(sa.update(deployment).where(deployment.id == identity).values(name=TODAY[of]))
                logger.warning("the deployment %s/%s is now called %s/%s", of, name, of, TODAY[of])
