/* backplane.library/1 - the host's extension: where a plugin's library is, and where it may keep files. The host loads
 * a copy of the library from a place of its own, so that what the dynamic linker says (dladdr, /proc/self/maps) leads
 * nowhere.
 *
 *     const backplane_library_extension_t *library = host->get_extension(host, BACKPLANE_EXTENSION_LIBRARY); */
#ifndef BACKPLANE_EXT_LIBRARY_H
#define BACKPLANE_EXT_LIBRARY_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_LIBRARY "backplane.library/1"

/* One table per loaded library, valid as long as that is; a function that this header declares for the host's version
 * is never NULL. The paths are absolute, and as they were when the library was loaded. May grow. */
typedef struct backplane_library_extension {
    uint32_t struct_size;
    uint32_t reserved;
    const char *path;          /* of the library's file: "/srv/plugins.d/libecho.so" */
    const char *directory;     /* the one that the file is in: for a model or a table that is kept beside it */
    const char *manifest_path; /* "/srv/plugins.d/echo.yaml"; empty: it has none */

    /* A directory for what the plugin keeps, such as caches and indices. It is the same one for all generations of the
     * plugin, after reloads and restarts; two generations may be at work in it at once during a reload. Made when it is
     * first asked for. Returns OK with the path in `*path`, host memory that is valid as long as the library is loaded;
     * or a status and a message in `error`, which may be the one that a lifecycle function was passed: `*path` is
     * unchanged then.
     * [any-thread] */
    backplane_status_t (*get_data_directory)(
        const backplane_host_t *host, const char *BACKPLANE_NULLABLE *BACKPLANE_NONNULL path,
        backplane_error_t *BACKPLANE_NULLABLE error);
} backplane_library_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_library_extension_t, 40);
BACKPLANE_ASSERT_OFFSET(backplane_library_extension_t, path, 8);
BACKPLANE_ASSERT_OFFSET(backplane_library_extension_t, directory, 16);
BACKPLANE_ASSERT_OFFSET(backplane_library_extension_t, manifest_path, 24);
BACKPLANE_ASSERT_OFFSET(backplane_library_extension_t, get_data_directory, 32);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_LIBRARY_H */
