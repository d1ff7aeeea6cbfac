// libssl and libcrypto, and as static inline functions the macros that Swift does not import.
#ifndef TOLLGATE_COPENSSL_SHIM_H
#define TOLLGATE_COPENSSL_SHIM_H
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif
