/* The reader of files of the format trivy: see import_target.h. */

#define IMPORT_FORMAT "trivy"
#include "tests/fuzz/import_target.h"
