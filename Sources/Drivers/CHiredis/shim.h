#ifndef PANTRY_CHIREDIS_SHIM_H
#define PANTRY_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#endif
