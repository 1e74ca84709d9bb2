"""``python -m flows.cli``: the command line without its installed script."""

import sys

from flows.cli.main import main

sys.exit(main())
