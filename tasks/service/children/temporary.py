"""The program of a command's temporary server: `python -m tasks.service.children.temporary SOCKET`.

It is tasks.service.prefect_server, imported without garbage collection, which takes a third of the time.
"""

import gc


def main() -> None:
    """Serve until the command ends."""
    gc.disable()  # what is imported stays: there is no garbage in it to look for
    from tasks.service.prefect_server import main as serve

    gc.freeze()
    gc.enable()
    serve()


if __name__ == "__main__":
    main()
