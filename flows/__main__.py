"""`python -m flows` is the command `monitor`."""

from flows.cli import main

raise SystemExit(main())
