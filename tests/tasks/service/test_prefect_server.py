"""SQLite under the Prefect server: transactions that wait for each other, and advice where they wait too long."""

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.utilities.messaging.memory import MemoryMessage, Subscription, Topic
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

from tasks.service.prefect_server import MOST_EVENTS, Advice, keep_more_events, write_at_once


def test_a_lock_is_told_once_with_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    holder = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
    holder.execute("CREATE TABLE things (name TEXT)")
    holder.execute("BEGIN IMMEDIATE")
    engine = create_engine(f"sqlite:///{tmp_path / 'some.db'}", connect_args={"timeout": 0.01})
    event.listen(engine, "handle_error", Advice().on_error)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(OperationalError), engine.begin() as connection:
                connection.execute(text("INSERT INTO things VALUES ('a')"))
    told = [record.getMessage() for record in caplog.records if "SHARDGAN_DATABASE_URL" in record.getMessage()]
    assert len(told) == 1
    holder.close()


def test_events_wait_in_a_longer_queue_and_lost_ones_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill() -> None:
        subscription = Topic("some").subscribe()
        for _ in range(MOST_EVENTS):
            await subscription.deliver(MemoryMessage(b"", {}))
        assert not caplog.records
        await subscription.deliver(MemoryMessage(b"", {}))

    monkeypatch.setattr(Subscription, "__init__", Subscription.__init__)
    keep_more_events()

    logger = logging.getLogger("prefect.server.utilities.messaging.memory")
    advice = Advice()
    logger.addFilter(advice.on_record)
    try:
        with caplog.at_level(logging.WARNING):
            asyncio.run(fill())
    finally:
        logger.removeFilter(advice.on_record)
    assert any(
        "events are lost" in one.getMessage() and "SHARDGAN_DATABASE_URL" in one.getMessage() for one in caplog.records
    )


async def read_then_write(url: str) -> None:
    """Two transactions that both read first and write then, as Prefect's automations do."""
    configuration = AioSqliteConfiguration(connection_url=url)
    engine = await configuration.engine()

    async def once() -> None:
        session = await configuration.session(engine)
        async with session, configuration.begin_transaction(session):
            (number,) = (await session.execute(text("SELECT max(number) FROM counter"))).one()
            await asyncio.sleep(0)  # the other one gets its turn
            await session.execute(text(f"UPDATE counter SET number = {number + 1}"))

    await asyncio.gather(*(once() for _ in range(20)))


def test_transactions_that_read_and_then_write_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "counter.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE counter (number INTEGER)")
        database.execute("INSERT INTO counter VALUES (0)")
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", AioSqliteConfiguration.begin_transaction)
    url = f"sqlite+aiosqlite:///{path}"
    with pytest.raises(Exception, match="database is locked"):
        asyncio.run(read_then_write(url))  # Prefect's own way: once this passes, write_at_once can go
    with sqlite3.connect(path) as database:
        database.execute("UPDATE counter SET number = 0")
    write_at_once()
    asyncio.run(read_then_write(url))
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT number FROM counter").fetchone() == (20,)
