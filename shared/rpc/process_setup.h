// What a program sets before its first use of gRPC.
#pragma once

namespace perigee {

// First thing in main(), while there is one thread. gRPC 1.51 has these in the environment only:
//  - TLS 1.3 alone: its suites below 1.3 are narrowed to one that needs an RSA certificate, which we never
//    have (and each server of ours must call this, since it is the server that chooses);
//  - the proxy: gRPC reads https_proxy and no_proxy, so HTTPS_PROXY and NO_PROXY are copied where unset.
// gRPC's own messages (failed handshakes of strangers, mostly) go to our log, at debug level.
void PrepareGrpc();

}  // namespace perigee
