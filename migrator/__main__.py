"""``python -m migrator`` is the command ``migrate``."""

import sys

from migrator.entry import main

sys.exit(main())
