/* backplane.batch_key/1 - a plugin's extension: which calls may share a batch, say those for one model, or those of
 * one size. */
#ifndef BACKPLANE_EXT_BATCH_KEY_H
#define BACKPLANE_EXT_BATCH_KEY_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_BATCH_KEY "backplane.batch_key/1"

/* Plugin memory, valid as long as the library is loaded. May grow. */
typedef struct backplane_batch_key_extension {
    uint32_t struct_size; /* sizeof(backplane_batch_key_extension_t) */
    uint32_t reserved;

    /* The key of a call to a BATCHABLE method; calls with different keys don't share a batch. Asked when the call
     * arrives, on an I/O thread, if the backend makes batches: takes well under a millisecond and never blocks.
     * Required. Returns the key; 0 for calls that have none. `request` is borrowed while it runs.
     * [any-thread] */
    uint64_t (*BACKPLANE_NULLABLE batch_key)(const backplane_request_t *request);
} backplane_batch_key_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_batch_key_extension_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_batch_key_extension_t, batch_key, 8);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_BATCH_KEY_H */
