/* backplane.health/1 - a plugin's extension: whether an instance can serve. */
#ifndef BACKPLANE_EXT_HEALTH_H
#define BACKPLANE_EXT_HEALTH_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_HEALTH "backplane.health/1"

/* Plugin memory, valid as long as the library is loaded. May grow. */
typedef struct backplane_health_extension {
    uint32_t struct_size; /* sizeof(backplane_health_extension_t) */
    uint32_t reserved;

    /* Tells whether the instance can serve: asked after warm-up, and from time to time. Of a plugin with
     * BACKPLANE_TRAIT_REENTRANT it runs beside calls; of another one when none runs, and calls wait for it: be quick.
     * Never two at once. Required. Returns OK; or a status and a message in `error`. `error` is borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE check)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_error_t *error);
} backplane_health_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_health_extension_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_health_extension_t, check, 8);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_HEALTH_H */
