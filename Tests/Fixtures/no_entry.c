/* no_entry - a whole and loadable shared library that is no plugin: it lacks the entry symbol. */
#include "backplane_plugin.h"
