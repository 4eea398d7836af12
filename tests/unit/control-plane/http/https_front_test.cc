#include "control-plane/http/https_front.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "control-plane/access/authorization.h"
#include "control-plane/http/json_body.h"
#include "control-plane/http/metrics.h"
#include "tests/unit/control-plane/identity/centre.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class HttpsFrontTest : public ::testing::Test {
 protected:
  HttpsFrontTest() {
    EXPECT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
    Start({});
  }

  void Start(HttpsFrontOptions options) {
    front_.reset();
    options.address = "127.0.0.1";
    options.port = 0;
    auto started = HttpsFront::Start(options, Deps(AuthorizationTable::BuiltIn()));
    ASSERT_TRUE(started.ok()) << started.status();
    front_ = *std::move(started);
  }

  HttpsFrontDeps Deps(const AuthorizationTable& table) {
    return {.authority = *centre_.authority,
            .enrolment = *centre_.enrolment,
            .satellites = *centre_.satellites,
            .login = login_,
            .authorization = table,
            .metrics = metrics_,
            .ready = [this] {
              return ready_ ? absl::OkStatus() : absl::UnavailableError("gRPC does not serve yet");
            }};
  }

  // Believes the authority only; the server is addressed by a name of its certificate.
  std::unique_ptr<httplib::SSLClient> Client() {
    auto client = std::make_unique<httplib::SSLClient>("127.0.0.1", front_->port());
    client->set_ca_cert_path((centre_.directory / "ca.pem").c_str());
    client->enable_server_certificate_verification(true);
    client->set_read_timeout(20);
    return client;
  }

  httplib::Result Post(const std::string& path, const google::protobuf::Message& message) {
    return Client()->Post(path, WriteJson(message), "application/json");
  }

  // A plain TCP connection; the caller closes it.
  Fd Connect() {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(front_->port()));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  Centre centre_;
  Login login_{centre_.context()};
  Metrics metrics_;
  std::atomic<bool> ready_{true};
  std::unique_ptr<HttpsFront> front_;
};

TEST_F(HttpsFrontTest, PagesForMachines) {
  const auto health = Client()->Get("/healthz");
  ASSERT_TRUE(health) << httplib::to_string(health.error());
  EXPECT_EQ(health->status, 200);
  EXPECT_EQ(health->get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(health->get_header_value("Connection"), "close");
  const auto ca = Client()->Get("/ca.pem");
  ASSERT_TRUE(ca);
  EXPECT_EQ(ca->body, centre_.authority->root_pem());
  const auto metrics = Client()->Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->body, HasSubstr("perigee_build_info"));
  EXPECT_THAT(metrics->body, HasSubstr("perigee_https_requests_total"));
  const auto head = Client()->Head("/healthz");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
}

TEST_F(HttpsFrontTest, ReadyOnlyWhenReady) {
  EXPECT_EQ(Client()->Get("/readyz")->status, 200);
  ready_ = false;
  const auto answer = Client()->Get("/readyz");
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->body, HasSubstr("gRPC does not serve yet"));
  EXPECT_EQ(Client()->Get("/healthz")->status, 200);
}

TEST_F(HttpsFrontTest, EnrolAndPoll) {
  const Host host;
  const auto enrolled = Post("/enroll/v1/requests", host.Ask(centre_.Token("auto"), "edge"));
  ASSERT_TRUE(enrolled) << httplib::to_string(enrolled.error());
  ASSERT_EQ(enrolled->status, 200) << enrolled->body;
  v1::EnrollResponse answer;
  ASSERT_TRUE(ReadJson(enrolled->body, answer).ok());
  EXPECT_EQ(answer.satellite(), "edge");
  centre_.CatchUp();
  v1::EnrollPollRequest poll;
  poll.set_request(answer.request());
  poll.set_poll_secret(host.poll_secret);
  const auto polled = Post("/enroll/v1/poll", poll);
  ASSERT_EQ(polled->status, 200) << polled->body;
  EXPECT_EQ(Json::parse(polled->body)["certificateChain"], Json::parse(enrolled->body)["certificateChain"]);
}

TEST_F(HttpsFrontTest, LoginAndRecover) {
  v1::LoginRequest login;
  login.set_user("admin");
  login.set_password("wrong");
  login.set_certificate_request(*MakeRequest(Host().key));
  const auto refused = Post("/login/v1", login);
  ASSERT_EQ(refused->status, 401);
  EXPECT_EQ(refused->get_header_value("Content-Type"), "application/problem+json");
  EXPECT_EQ(Json::parse(refused->body)["code"], "UNAUTHENTICATED");
  const std::string file = *ReadFile(centre_.directory / "admin-password", 4096);
  login.set_password(file.substr(0, file.find('\n')));
  EXPECT_EQ(Post("/login/v1", login)->status, 200);

  const auto nonce = Client()->Get("/recover/v1/nonce");
  ASSERT_EQ(nonce->status, 200);
  v1::RecoverRequest recover;
  ASSERT_TRUE(ReadJson(nonce->body, recover).ok());
  EXPECT_FALSE(recover.nonce().empty());
  EXPECT_EQ(Post("/recover/v1", recover)->status, 401);
}

TEST_F(HttpsFrontTest, FailuresAreLimitedByAddress) {
  v1::LoginRequest login;
  login.set_user("admin");
  login.set_password("wrong");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Post("/login/v1", login)->status, 401);
  const auto limited = Post("/login/v1", login);
  EXPECT_EQ(limited->status, 429);
  EXPECT_EQ(limited->get_header_value("Retry-After"), "60");
}

TEST_F(HttpsFrontTest, HttpErrorsAreProblems) {
  const auto is_problem = [](const httplib::Result& result, int status) {
    ASSERT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->status, status);
    EXPECT_EQ(result->get_header_value("Content-Type"), "application/problem+json");
    EXPECT_EQ(Json::parse(result->body)["status"], status);
  };
  is_problem(Client()->Get("/nothing"), 404);
  is_problem(Client()->Get("/../etc/passwd"), 404);
  is_problem(Client()->Get("/login/v1"), 405);
  is_problem(Client()->Post("/healthz", "{}", "application/json"), 405);
  is_problem(Client()->Delete("/healthz"), 405);
  is_problem(Client()->Post("/login/v1", "{", "application/json"), 400);
  is_problem(Client()->Post("/login/v1", R"({"usr":1})", "application/json"), 400);
  is_problem(Client()->Post("/login/v1", "{}", "text/plain"), 415);
  is_problem(Client()->Post("/login/v1", std::string((256 << 10) + 1, 'a'), "application/json"), 413);
  is_problem(Client()->Get("/healthz", {{"A", std::string(20'000, 'b')}}), 431);
  is_problem(Client()->Get(("/" + std::string(9'000, 'a')).c_str()), 414);
  EXPECT_EQ(Client()->Get("/healthz", {{"Range", "bytes=" + std::string(8'000, '1')}})->status, 200);
}

TEST_F(HttpsFrontTest, LargestBodyIsTaken) {
  std::string body = R"({"user":")" + std::string((256 << 10) - 11, 'a') + R"("})";
  ASSERT_EQ(body.size(), 256u << 10);
  EXPECT_EQ(Client()->Post("/login/v1", body, "application/json")->status,
            400);  // the user's name is too long
}

TEST_F(HttpsFrontTest, OlderTlsIsRefused) {
  const Fd socket = Connect();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl.get(), socket.get());
  EXPECT_NE(SSL_connect(ssl.get()), 1);
}

TEST_F(HttpsFrontTest, EveryRouteNeedsARow) {
  const auto table =
      AuthorizationTable::Parse(R"({"rows": [{"route": "GET /healthz", "roles": ["anonymous"]}]})");
  ASSERT_TRUE(table.ok()) << table.status();
  const auto started = HttpsFront::Start({.address = "127.0.0.1", .port = 0}, Deps(*table));
  ASSERT_TRUE(absl::IsFailedPrecondition(started.status()));
  EXPECT_THAT(std::string(ToStd(started.status().message())), HasSubstr("POST /login/v1"));
}

TEST_F(HttpsFrontTest, TakenPortIsToldAtTheStart) {
  const auto started = HttpsFront::Start({.address = "127.0.0.1", .port = front_->port()},
                                         Deps(AuthorizationTable::BuiltIn()));
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(std::string(ToStd(started.status().message())), HasSubstr("--https-port"));
}

TEST_F(HttpsFrontTest, RenewedCertificateServesTheNextConnection) {
  const std::string before = centre_.authority->server().chain_pem;
  centre_.clock.Advance(absl::Hours(24 * 80));
  ASSERT_TRUE(centre_.authority->Maintain().ok());
  ASSERT_NE(centre_.authority->server().chain_pem, before);
  auto client = Client();
  ASSERT_EQ(client->Get("/healthz")->status, 200);
  const Fd socket = Connect();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl.get(), socket.get());
  ASSERT_EQ(SSL_connect(ssl.get()), 1);
  const std::shared_ptr<X509> presented(SSL_get1_peer_certificate(ssl.get()), &X509_free);
  EXPECT_EQ(Certificate(presented), *Certificate::FromPem(centre_.authority->server().chain_pem));
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(ssl.get())), 3);
}

TEST_F(HttpsFrontTest, SilentConnectionsDoNotStopIt) {
  Start({.threads = 2, .connections = 400, .connections_per_address = 400});
  std::vector<Fd> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(Connect());
  const auto answer = Client()->Get("/healthz");
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
}

TEST_F(HttpsFrontTest, SilentConnectionsEndInTime) {
  Start({.silence = absl::Milliseconds(50)});
  const Fd socket = Connect();
  char byte = 0;
  EXPECT_EQ(recv(socket.get(), &byte, 1, 0), 0);
}

TEST_F(HttpsFrontTest, SlowRequestsEndInTime) {
  Start({.request = absl::Milliseconds(200)});
  const Fd socket = Connect();
  ASSERT_EQ(send(socket.get(), "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);  // a handshake that never goes on
  char byte = 0;
  EXPECT_EQ(recv(socket.get(), &byte, 1, 0), 0);
}

TEST_F(HttpsFrontTest, ConnectionsOfOneAddressAreBounded) {
  Start({.connections_per_address = 4});
  std::vector<Fd> held;
  for (int i = 0; i < 4; ++i) held.push_back(Connect());
  const Fd refused = Connect();
  char byte = 0;
  EXPECT_LE(recv(refused.get(), &byte, 1, 0), 0);
  held.clear();
}

TEST_F(HttpsFrontTest, StopEndsWhatIsOpen) {
  const Fd silent = Connect();
  const Fd shaking = Connect();
  ASSERT_EQ(send(shaking.get(), "\x16", 1, MSG_NOSIGNAL), 1);
  front_->Stop();
  front_->Stop();
  char byte = 0;
  EXPECT_LE(recv(silent.get(), &byte, 1, 0), 0);
  EXPECT_LE(recv(shaking.get(), &byte, 1, 0), 0);
}

// One that stalls in its greeting occupies its own share of the threads only.
TEST_F(HttpsFrontTest, AStallingAddressLeavesThreadsToOthers) {
  Start({.threads = 2, .threads_per_address = 1, .greeting = absl::Minutes(5), .request = absl::Minutes(5)});
  std::vector<Fd> stalling;
  for (int i = 0; i < 8; ++i) {
    stalling.push_back(Connect());
    ASSERT_EQ(send(stalling.back().get(), "\x16", 1, MSG_NOSIGNAL), 1);
  }
  const auto other = Client();
  other->set_interface("127.0.0.2");
  const auto answer = other->Get("/healthz");
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
}

#ifndef PERIGEE_SANITIZED  // whose own checks need descriptors
TEST_F(HttpsFrontTest, ServesAgainAfterDescriptorsRanOut) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<Fd> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(front_->port()));
  // No further descriptor for anybody in this process: all numbers below the limit are taken.
  std::vector<Fd> fillers;
  for (int i = 0; i < 64; ++i) fillers.push_back(Fd(dup(0)));
  const rlimit none{.rlim_cur = static_cast<rlim_t>(fillers.back().get()) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (const Fd& client : clients) {
    EXPECT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  char byte = 0;
  EXPECT_LE(recv(clients.front().get(), &byte, 1, 0), 0);  // refused, not left waiting
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  clients.clear();
  const auto answer = Client()->Get("/healthz");
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
}
#endif

TEST_F(HttpsFrontTest, ConcurrentRedemptionsOverHttps) {
  const std::string token = centre_.Token("auto");
  std::vector<std::thread> threads;
  std::atomic<int> enrolled{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 24; ++i) {
    threads.emplace_back([&] {
      const auto answer = Post("/enroll/v1/requests", Host().Ask(token));
      if (!answer) return;
      if (answer->status == 200) ++enrolled;
      // Refused: the token is used up, and after five of those from one address, wait.
      if (answer->status == 409 || answer->status == 429) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(enrolled, 1);
  EXPECT_EQ(refused, 23);
}

}  // namespace
}  // namespace perigee::control
