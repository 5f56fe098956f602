/* The reader of files of the format sarif: see import_target.h. */

#define IMPORT_FORMAT "sarif"
#include "tests/fuzz/import_target.h"
