/* null_entry - its entry function returns NULL: "can't be served on this machine". */
#include "backplane_plugin.h"

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return NULL;
}
