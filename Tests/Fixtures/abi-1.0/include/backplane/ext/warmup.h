/* backplane.warmup/1 - a plugin's extension: work to be done before the first call, and before the old generation
 * stops. */
#ifndef BACKPLANE_EXT_WARMUP_H
#define BACKPLANE_EXT_WARMUP_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_WARMUP "backplane.warmup/1"

/* Plugin memory, valid as long as the library is loaded. May grow. */
typedef struct backplane_warmup_extension {
    uint32_t struct_size; /* sizeof(backplane_warmup_extension_t) */
    uint32_t reserved;

    /* Fills caches, loads models, ... Required. Returns OK; or a status and a message in `error`: then this generation
     * does not go into service. `error` is borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE warm_up)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_error_t *error);
} backplane_warmup_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_warmup_extension_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_warmup_extension_t, warm_up, 8);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_WARMUP_H */
