#include "shared/rpc/credentials.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "proto/perigee/v1/satellite.grpc.pb.h"
#include "shared/pki/openssl.h"
#include "shared/pki/spiffe.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/peer.h"
#include "shared/rpc/process_setup.h"
#include "shared/rpc/status_conversion.h"
#include "tests/unit/shared/base/temporary_directory.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

const bool kPrepared = (PrepareGrpc(), true);  // before anything of gRPC, as in main()

// Answers with who it thinks is calling.
class WhoCalls final : public v1::SatelliteService::Service {
  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest*, v1::RenewResponse*) override {
    const auto peer = PeerUri(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return ToGrpc(absl::AlreadyExistsError(peer->uri + " " + peer->serial));
  }
};

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    Write("ca.pem", authority_.root.ToPem());
    Write("client.pem", IdentityToPem(client_));
  }

  void Write(const std::string& name, const std::string& pem) const {
    PERIGEE_ASSERT(WriteFileAtomically(directory_ / name, pem, 0600).ok());
  }
  void Serve(const Identity& identity) {
    Write("server.pem", IdentityToPem(identity));
    grpc::ServerBuilder builder;
    ConfigureServer(builder);
    builder.AddListeningPort(
        "127.0.0.1:0", Must(MutualTlsServer({directory_ / "server.pem", directory_ / "ca.pem"})), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    PERIGEE_ASSERT(server_ != nullptr);
  }
  absl::Status Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    const auto stub =
        v1::SatelliteService::NewStub(ConnectChannel(absl::StrCat("127.0.0.1:", port_), credentials));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::RenewResponse response;
    return FromGrpc(stub->Renew(&context, v1::RenewRequest(), &response));
  }
  absl::Status CallAs(const Identity& identity, const Certificate& root) const {
    return Call(Must(MutualTlsClientFromPem(IdentityToPem(identity), root.ToPem())));
  }
  ~TlsTest() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  const TestAuthority authority_;
  const Identity client_ = authority_.Client(SatelliteUri(kTestUid));
  const TemporaryDirectory directory_;
  WhoCalls service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsTest, ThePeerIsItsCertificate) {
  Serve(authority_.Server());
  const absl::Status status = Call(Must(MutualTlsClient({directory_ / "client.pem", directory_ / "ca.pem"})));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(std::string(status.message()), SatelliteUri(kTestUid) + " " + client_.chain.front().Serial());
}

TEST_F(TlsTest, OthersAreRefusedByTheServer) {
  Serve(authority_.Server());
  const TestAuthority other;
  const Identity stranger = other.Client(SatelliteUri(kTestUid));
  EXPECT_EQ(CallAs(stranger, authority_.root).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CallAs(authority_.Server(), authority_.root).code(), absl::StatusCode::kUnavailable)
      << "a server's certificate must not serve as a client's";
  grpc::SslCredentialsOptions without_certificate;
  without_certificate.pem_root_certs = authority_.root.ToPem();
  EXPECT_EQ(Call(grpc::SslCredentials(without_certificate)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTest, AServerOfAnotherCaIsRefused) {
  Serve(authority_.Server());
  const TestAuthority other;
  EXPECT_EQ(CallAs(client_, other.root).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTest, AServerOfAnotherNameIsRefused) {
  Serve(authority_.Server({{"localhost"}, {"127.0.0.1"}}));
  EXPECT_EQ(CallAs(client_, authority_.root).code(), absl::StatusCode::kUnavailable);
}

// The machine's clock is right here, so what only the given time can tell shows that it is used.
TEST_F(TlsTest, TheServerIsVerifiedAtTheGivenTime) {
  struct Case {
    const char* name;
    Identity server;
    Certificate root;
    absl::Time at;
    absl::StatusCode code;
  };
  const TestAuthority other;
  TestAuthority expired;
  expired.validity = {absl::Now() - absl::Hours(100), absl::Now() - absl::Hours(50)};
  expired.root = Must(MakeRoot(expired.root_key, "Expired root", expired.validity));
  expired.ca =
      Must(IssueAuthority({expired.root_key, expired.root}, expired.ca_key.Public(), "CA", expired.validity));
  const auto now = absl::Now();
  const Case cases[] = {
      {"valid now", authority_.Server(), authority_.root, now, absl::StatusCode::kAlreadyExists},
      {"not valid then", authority_.Server(), authority_.root, now + absl::Hours(48),
       absl::StatusCode::kUnavailable},
      {"valid then only", expired.Server(), expired.root, now - absl::Hours(75),
       absl::StatusCode::kAlreadyExists},
      {"expired", expired.Server(), expired.root, now, absl::StatusCode::kUnavailable},
      {"another CA", other.Server(), authority_.root, now, absl::StatusCode::kUnavailable},
      {"another name", authority_.Server({{"localhost"}, {}}), authority_.root, now,
       absl::StatusCode::kUnavailable},
      {"not a server", authority_.Client(UserUri("eve")), authority_.root, now,
       absl::StatusCode::kUnavailable},
  };
  for (const Case& c : cases) {
    Serve(c.server);
    const absl::Status status =
        Call(Must(MutualTlsClientFromPem(IdentityToPem(client_), c.root.ToPem(), {c.at})));
    EXPECT_EQ(status.code(), c.code) << c.name << ": " << status;
    server_->Shutdown();
  }
}

TEST_F(TlsTest, UnusableFilesAreToldAtOnce) {
  EXPECT_EQ(MutualTlsClient({directory_ / "none", directory_ / "ca.pem"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(MutualTlsServer({directory_ / "client.pem", directory_ / "none"}).ok());
  EXPECT_FALSE(MutualTlsClient({directory_ / "ca.pem", directory_ / "ca.pem"}).ok());
  EXPECT_FALSE(MutualTlsClient({directory_ / "client.pem", directory_ / "client.pem"}).ok());
  EXPECT_FALSE(MutualTlsClientFromPem("", "").ok());
}

// A handshake by OpenSSL alone, with the given versions of TLS: the server's certificate.
absl::StatusOr<Certificate> Handshake(int port, const Identity& identity, int lowest, int highest) {
  const openssl::Owned<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), lowest);
  SSL_CTX_set_max_proto_version(context.get(), highest);
  SSL_CTX_use_certificate(context.get(), identity.chain.front().get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
  SSL_CTX_add1_chain_cert(context.get(), identity.chain.back().get());
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  PERIGEE_ASSERT(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const openssl::Owned<SSL, SSL_free> session(SSL_new(context.get()));
  SSL_set_fd(session.get(), fd.get());
  const unsigned char h2[] = "\x02h2";
  SSL_set_alpn_protos(session.get(), h2, 3);
  if (SSL_connect(session.get()) != 1) return openssl::Error(absl::StatusCode::kUnavailable, "handshake");
  return Certificate(std::shared_ptr<X509>(SSL_get1_peer_certificate(session.get()), X509_free));
}

TEST_F(TlsTest, NothingOlderThanTls13) {
  Serve(authority_.Server());
  EXPECT_TRUE(Handshake(port_, client_, TLS1_3_VERSION, TLS1_3_VERSION).ok());
  EXPECT_FALSE(Handshake(port_, client_, TLS1_VERSION, TLS1_2_VERSION).ok());
}

TEST_F(TlsTest, ARenewedCertificateIsTakenUp) {
  Serve(authority_.Server());
  const Identity renewed = authority_.Server();
  Write("server.pem", IdentityToPem(renewed));
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  bool taken_up = false;
  while (!taken_up && absl::Now() < deadline) {
    taken_up = Must(Handshake(port_, client_, TLS1_3_VERSION, TLS1_3_VERSION)) == renewed.chain.front();
  }
  EXPECT_TRUE(taken_up);
  EXPECT_EQ(CallAs(client_, authority_.root).code(), absl::StatusCode::kAlreadyExists);
}

TEST(StatusConversion, EveryCodeGoesThereAndBack) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "what, where, why");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status) << code;
  }
}

}  // namespace
}  // namespace perigee
