#ifndef PANTRY_CLIBPQ_SHIM_H
#define PANTRY_CLIBPQ_SHIM_H

#include <libpq-fe.h>

#endif
