#include "shared/rpc/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/verify.h"
#include "shared/rpc/status_conversion.h"

namespace perigee {
namespace {

constexpr unsigned kReloadSeconds = 1;

absl::Status CheckRoots(std::string_view pem) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<Certificate> roots, Certificate::BundleFromPem(pem));
  for (const Certificate& root : roots) {
    if (!root.IsAuthority()) return absl::InvalidArgumentError("a trusted root is not a CA's certificate");
  }
  return absl::OkStatus();
}

// gRPC says nothing about files it cannot use: it fails every handshake. So look first.
absl::Status CheckFiles(const TlsFiles& files) {
  PERIGEE_RETURN_IF_ERROR(LoadIdentity(files.identity));
  PERIGEE_ASSIGN_OR_RETURN(const std::string roots, ReadFile(files.roots, limits::kManifestBytes));
  return Annotate(CheckRoots(roots), absl::StrCat("reading the roots in ", files.roots));
}

// Key and chain are blocks of one file, and each reader passes over the blocks of the other.
std::shared_ptr<grpc::experimental::CertificateProviderInterface> Watch(const TlsFiles& files) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(files.identity, files.identity,
                                                                              files.roots, kReloadSeconds);
}

std::string_view ToStdView(grpc::string_ref text) {
  return {text.data(), text.size()};
}

// What gRPC's own check of a server does, at given times: one is enough.
class VerifierAt final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  VerifierAt(std::vector<Certificate> roots, std::vector<absl::Time> times)
      : roots_(std::move(roots)), times_(std::move(times)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* result) override {
    *result = ToGrpc(Check(ToStdView(request->target_name()), ToStdView(request->peer_cert_full_chain())));
    return true;  // done at once
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  absl::Status Check(std::string_view target, std::string_view pem) const {
    auto chain = Certificate::BundleFromPem(pem);
    if (!chain.ok()) return absl::UnauthenticatedError(chain.status().message());
    const Certificate leaf = chain->front();
    const Trust trust{roots_, *std::move(chain)};
    absl::Status trusted;
    for (const absl::Time at : times_) {
      trusted = VerifyChain(leaf, trust, Purpose::kServer, at);
      if (trusted.ok()) break;
    }
    PERIGEE_RETURN_IF_ERROR(trusted);
    const std::vector<std::string> names = leaf.DnsNames();
    if (std::find(names.begin(), names.end(), target) != names.end()) return absl::OkStatus();
    return absl::UnauthenticatedError("the server's certificate has another name");
  }

  const std::vector<Certificate> roots_;
  const std::vector<absl::Time> times_;  // at least one
};

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(
    const std::shared_ptr<grpc::experimental::CertificateProviderInterface>& provider,
    const std::shared_ptr<grpc::experimental::CertificateVerifier>& verifier_at) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(verifier_at == nullptr);
  options.set_check_call_host(verifier_at == nullptr);
  options.set_certificate_verifier(verifier_at == nullptr
                                       ? std::make_shared<grpc::experimental::HostNameCertificateVerifier>()
                                       : verifier_at);
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTlsServer(const TlsFiles& files) {
  PERIGEE_RETURN_IF_ERROR(CheckFiles(files));
  PERIGEE_ASSIGN_OR_RETURN(const Identity identity, LoadIdentity(files.identity));
  if (!identity.key.Public().IsEcP256()) {
    return absl::InvalidArgumentError("a server's key must be EC P-256, since TLS 1.2 is kept out by that");
  }
  grpc::experimental::TlsServerCredentialsOptions options(Watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClient(const TlsFiles& files) {
  PERIGEE_RETURN_IF_ERROR(CheckFiles(files));
  return ChannelCredentialsOf(Watch(files), nullptr);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClientFromPem(
    const std::string& identity, const std::string& roots, const std::vector<absl::Time>& verify_at) {
  PERIGEE_ASSIGN_OR_RETURN(const Identity parsed, IdentityFromPem(identity));
  PERIGEE_RETURN_IF_ERROR(CheckRoots(roots));
  const std::vector<grpc::experimental::IdentityKeyCertPair> pairs = {
      {parsed.key.ToPem(), BundleToPem(parsed.chain)}};
  const auto provider = std::make_shared<grpc::experimental::StaticDataCertificateProvider>(roots, pairs);
  if (verify_at.empty()) return ChannelCredentialsOf(provider, nullptr);
  PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> trusted, Certificate::BundleFromPem(roots));
  return ChannelCredentialsOf(provider, grpc::experimental::ExternalCertificateVerifier::Create<VerifierAt>(
                                            std::move(trusted), verify_at));
}

}  // namespace perigee
