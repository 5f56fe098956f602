/* The reader of files of the format generic: see import_target.h. */

#define IMPORT_FORMAT "generic"
#include "tests/fuzz/import_target.h"
