"""``python -m migrator`` is the command ``migrate``."""

import sys

from migrator.cli import main

sys.exit(main())
