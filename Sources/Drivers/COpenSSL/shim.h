#ifndef PANTRY_COPENSSL_SHIM_H
#define PANTRY_COPENSSL_SHIM_H

// What OpenSSL 3 calls deprecated is not there: a use of it does not compile.
#define OPENSSL_API_COMPAT 30000
#define OPENSSL_NO_DEPRECATED

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Swift sees no macros that are calls. Each of these returns 1 when it went well.

// A machine whose openssl.cnf asks for more keeps that.
static inline int COpenSSL_set_least_version(SSL_CTX *context, int version)
{
    if (SSL_CTX_get_min_proto_version(context) >= version) {
        return 1;
    }
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int COpenSSL_set_server_name(SSL *session, const char *name)
{
    return (int)SSL_set_tlsext_host_name(session, name);
}

// A handshake at the beginning of a session and none within it, as TLS 1.3 has it; and no compression.
static inline void COpenSSL_set_handshake_once(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

#endif
