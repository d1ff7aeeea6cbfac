#pragma once

/// The git revision that the program was built from, with `+changes` when files differed from it; `unknown` outside of a
/// repository, or when it was built without `make`.
const char *_Nonnull tollgate_revision(void);
