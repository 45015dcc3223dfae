"""The two databases on a PostgreSQL server: one for Prefect, one for MLflow, for both call a table alembic_version."""

from urllib.parse import urlsplit

from tasks.errors import RequestError, ServiceError
from tasks.service.settings import DATABASE_URL, database_url

NAMES = ("prefect", "mlflow")


def ensure_databases() -> None:
    """Make the databases that are missing, where `SHARDGAN_DATABASE_URL` names a server.

    Raises ServiceError where it does not answer or does not let us.
    """
    if not database_url(NAMES[0]):
        return
    try:
        import psycopg2  # an extra: for who asks for it
        from psycopg2 import sql
    except ImportError as error:
        raise RequestError(f"{DATABASE_URL} is set, which needs `pip install shardgan[service]`") from error
    try:
        connection = psycopg2.connect(database_url("postgres"))
        connection.autocommit = True  # a database cannot be made inside a transaction
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            for name in sorted(set(NAMES) - {row[0] for row in cursor.fetchall()}):
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.close()
    except psycopg2.Error as error:
        where = urlsplit(database_url("postgres")).hostname
        raise ServiceError(f"PostgreSQL at {where}: {error}; see {DATABASE_URL}") from error
