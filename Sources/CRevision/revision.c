#include "revision.h"

// Written by the Makefile, which touches this file when it writes it for the first time. That only this file includes it keeps a
// new revision from recompiling Swift modules.
const char *tollgate_revision(void) {
#if __has_include("../../.build-revision/revision.inc")
    return
#include "../../.build-revision/revision.inc"
        ;
#else
    return "unknown";
#endif
}
