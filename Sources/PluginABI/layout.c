/* The module is its header. This file makes the compiler check the layout asserted there on every build. */
#include "backplane_plugin.h"
