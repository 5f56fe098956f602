/* The reader of files of the format prowler-csv: see import_target.h. */

#define IMPORT_FORMAT "prowler-csv"
#include "tests/fuzz/import_target.h"
