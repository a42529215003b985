/* backplane.state/1 - a plugin's extension: state hand-over. The count survives a reload.
 *
 * When the old generation can `save` and the new one can `restore`, the host holds new calls, lets the old replica
 * finish its calls, hands the bytes over, and lets the calls go on. */
#ifndef BACKPLANE_EXT_STATE_H
#define BACKPLANE_EXT_STATE_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_STATE "backplane.state/1"

/* Plugin memory, valid as long as the library is loaded. May grow. */
typedef struct backplane_state_extension {
    uint32_t struct_size; /* sizeof(backplane_state_extension_t) */
    uint32_t reserved;

    /* Writes the instance's state to `sink`, in a form that the next version of the plugin reads. No call is running.
     * Changes nothing: the instance may have to go on serving. Required. Returns OK; or a status and a message in
     * `error`: then the reload fails and the old generation serves on. `sink` and `error` are borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE save)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_sink_t *sink, backplane_error_t *error);

    /* Takes over a state that `save` of another generation wrote: after `create`, before the first call. Required.
     * Returns OK; or a status and a message in `error`: then the reload fails, and the instance is destroyed. `state`
     * and `error` are borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE restore)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_bytes_t state, backplane_error_t *error);
} backplane_state_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_state_extension_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_state_extension_t, save, 8);
BACKPLANE_ASSERT_OFFSET(backplane_state_extension_t, restore, 16);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_STATE_H */
