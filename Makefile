# Every target is a command of the workbench: `make test` is `python3 -m workbench test`.
# Arguments go in ARGS:         make test ARGS="-k voucher"
# Another Python goes in PYTHON: make test PYTHON=python3.12

PYTHON ?= python3

# The commands, as workbench/__main__.py lists them, so that a shell can complete their names.
COMMANDS := $(shell sed -n 's/^    "\([a-z-]*\)": Verb.*/\1/p' workbench/__main__.py)

WORKBENCH = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "This needs Python 3.11 or newer, which '$(PYTHON)' is not here." \
	"Install it, or name another one: make $@ PYTHON=python3.12" >&2; exit 2; }; \
	exec $(PYTHON) -m workbench $@ $(ARGS)

# They are no files, although some folders have such a name.
.PHONY: help $(COMMANDS)

help $(COMMANDS):
	$(WORKBENCH)

# Any other name: the workbench answers with the nearest command.
.DEFAULT:
	$(WORKBENCH)
