# The rooms of the host, from the ground up: each knows those before it in this line, and none after it. What stands
# beside them in this folder knows them all. Read by the Makefile and by the guard of the rooms; what each is for is
# told in docs/architecture.md.
ROOMS = core drivers config count feed db who gate api work watch
