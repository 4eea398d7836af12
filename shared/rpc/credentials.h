// Mutual TLS for gRPC: both ends show a certificate of the same private CA,
// nothing older than TLS 1.3 is spoken, and a renewed certificate is taken up
// without a restart (new handshakes use it, streams go on).
//
// An identity is one file (see shared/pki/identity_file.h), so key and certificate change together.
//
//   PrepareGrpc();  // first thing in main(), see process_setup.h
//   builder.AddListeningPort(address, *MutualTlsServer({"D/server.pem", "D/ca.pem"}));
//   auto channel = ConnectChannel("198.51.100.7:7444", *MutualTlsClient({"D/identity.pem", "D/ca.pem"}));
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace perigee {

struct TlsFiles {
  std::string identity;  // path, PEM: key and chain. Looked at again every second
  std::string roots;     // path, PEM: whom to believe. Likewise
};

// Demands and verifies a client certificate in the handshake. Fails when the files cannot be used now.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTlsServer(const TlsFiles& files);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClient(const TlsFiles& files);
// From PEM in memory. With `verify_at` (see VerificationTimes) the server's chain must be valid at one of
// these times instead of the machine's, so that a host whose clock was never set can still connect.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClientFromPem(
    const std::string& identity, const std::string& roots, const std::vector<absl::Time>& verify_at = {});

}  // namespace perigee
