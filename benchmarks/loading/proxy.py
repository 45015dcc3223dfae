"""`python -m benchmarks.loading.proxy PORT TARGET_PORT MS`: passes TCP on, each way MS/2 milliseconds later.

Only the time of flight is added: the number of bytes on their way is not limited.
"""

import asyncio
import sys
from functools import partial

CHUNK = 2**18


async def serve(port: int, target: int, seconds: float) -> None:
    """Pass on whatever comes to `port`, until this process is ended."""
    server = await asyncio.start_server(partial(connect, target=target, seconds=seconds), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, target: int, seconds: float) -> None:
    """Join one connection with one to the target."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(
        pass_on(reader, far_writer, seconds), pass_on(far_reader, writer, seconds), return_exceptions=True
    )


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass the bytes of one direction on, each after its time."""
    loop = asyncio.get_running_loop()
    flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def land() -> None:
        while True:
            at, data = await flying.get()
            await asyncio.sleep(at - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    landing = asyncio.create_task(land())
    try:
        while data := await reader.read(CHUNK):
            flying.put_nowait((loop.time() + seconds, data))
    finally:
        flying.put_nowait((loop.time() + seconds, b""))
        await landing


if __name__ == "__main__":
    own_port, target_port, milliseconds = sys.argv[1:]
    asyncio.run(serve(int(own_port), int(target_port), float(milliseconds) / 2000))
