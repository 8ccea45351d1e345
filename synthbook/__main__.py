"""`python -m synthbook`."""

import sys

from synthbook.cli import main

sys.exit(main())
