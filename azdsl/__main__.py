"""``python -m azdsl`` is the command ``azdsl``."""

import sys

from azdsl.cli import main

sys.exit(main())
