/* The reader of files of the format ocsf: see import_target.h. */

#define IMPORT_FORMAT "ocsf"
#include "tests/fuzz/import_target.h"
