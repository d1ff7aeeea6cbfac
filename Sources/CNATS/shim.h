// libnats, as it is.
#ifndef TOLLGATE_CNATS_SHIM_H
#define TOLLGATE_CNATS_SHIM_H
#include <nats/nats.h>
#endif
