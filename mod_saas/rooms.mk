# The rooms of the host, from the ground up: each knows those before it in this line, and none after it. Read by the
# Makefile and by the guard of the rooms; docs/architecture.md tells what each is for.
ROOMS = core drivers config count feed db who gate api work watch module
