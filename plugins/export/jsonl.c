/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* JSON lines: an object per line, with the members that the list of evidence has. */

#include "writer.h"

void export_jsonl_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths)
{
    static const char *const members[CELLS] = {
        [CELL_RESOURCE] = ",\"resource_id\":", [CELL_CHECK] = ",\"check_name\":", [CELL_STATUS] = ",\"status\":",
        [CELL_SEVERITY] = ",\"severity\":",    [CELL_TIME] = ",\"timestamp\":",   [CELL_COMMENT] = ",\"comment\":",
    };
    export_out_t *out = &writer->out;
    int i;

    EXPORT_PUT(out, "{\"id\":");
    export_put(out, cells[CELL_NUMBER], lengths[CELL_NUMBER]);
    for (i = CELL_RESOURCE; i < CELLS; i++) {
        export_put_text(out, members[i]);
        export_put_json(out, i == CELL_TIME && !lengths[i] ? NULL : cells[i], lengths[i]);
    }
    EXPORT_PUT(out, "}\n");
}
