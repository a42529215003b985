/* What Swift can't do or can't see of Linux: code that runs in a signal handler, and calls that need _GNU_SOURCE. */
#ifndef CLINUX_H
#define CLINUX_H

#include "activity.h"
#include "confinement.h"
#include "descriptors.h"
#include "ending.h"
#include "log_queue.h"
#include "processes.h"
#include "shared_memory.h"
#include "sockets.h"
#include "streams.h"

#endif
