"""What a person schedules or clicks: one flow a file, its body reads as sentences."""

import sys

from tasks.home import apply_defaults

# Whichever way a flow is reached (command line, worker, import), telemetry is off and state lies under one root.
# Prefect makes its home when it is imported: commands that promise to touch nothing must not come that far.
TOUCH_NOTHING = {"--dry-run", "--help", "-h", "--version", "show-config"}
apply_defaults(touch=not TOUCH_NOTHING & set(sys.argv[1:]))
