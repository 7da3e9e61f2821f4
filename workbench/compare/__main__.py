"""`python3 -m workbench.compare`: the comparison in any virtual environment, not only in ours."""

import sys

from workbench.compare import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
