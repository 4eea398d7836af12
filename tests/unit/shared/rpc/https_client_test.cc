#include "shared/rpc/https_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/ssl.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/unit/shared/base/temporary_directory.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;

// An HTTPS server that shows `identity`, on a port of its own.
class TestServer {
 public:
  TestServer(const Identity& identity, const Certificate& root, const std::string& file)
      : server_((PERIGEE_ASSERT(SaveIdentity(file, identity).ok()), file.c_str()), file.c_str()) {
    PERIGEE_ASSERT(server_.is_valid());
    server_.Get("/ca.pem", [root](const httplib::Request&, httplib::Response& response) {
      response.set_content(root.ToPem(), "application/x-pem-file");
    });
    server_.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
      response.status = 201;
      response.set_content(request.get_header_value("Authorization") + "|" + request.body, "text/plain");
    });
    server_.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(limits::kHttpBodyBytes + 1, 'x'), "text/plain");
    });
    server_.Get("/silent",
                [this](const httplib::Request&, httplib::Response&) { end_.WaitForNotification(); });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~TestServer() {
    end_.Notify();
    server_.stop();
    thread_.join();
  }
  std::string url() const { return absl::StrCat("https://127.0.0.1:", port_); }

 private:
  absl::Notification end_;
  httplib::SSLServer server_;
  int port_ = 0;
  std::thread thread_;
};

class HttpsClientTest : public ::testing::Test {
 protected:
  HttpsClientTest() {
    for (const char* name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}) unsetenv(name);
  }
  HttpsClient Client(const TestServer& server, const Certificate& root) const {
    return Must(HttpsClient::New(
        {.base_url = server.url(), .roots_pem = root.ToPem(), .timeout = absl::Seconds(10)}));
  }
  const TestAuthority authority_;
  const TemporaryDirectory directory_;
};

TEST_F(HttpsClientTest, SpeaksWithTheServerItMeans) {
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  HttpsClient client = Must(HttpsClient::New(
      {.base_url = server.url() + "/", .roots_pem = authority_.root.ToPem(), .bearer_token = "t"}));
  const auto posted = client.Post("/echo", R"({"a":1})");
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(posted->status, 201);
  EXPECT_EQ(posted->body, R"(Bearer t|{"a":1})");
  EXPECT_EQ(Must(client.Get("/none")).status, 404);
}

TEST_F(HttpsClientTest, RefusesAWrongCaAndAWrongName) {
  const TestAuthority other;
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  EXPECT_EQ(Client(server, other.root).Get("/ca.pem").status().code(), absl::StatusCode::kUnauthenticated);
  const TestServer misnamed(authority_.Server({{"localhost"}, {"127.0.0.1"}}), authority_.root,
                            directory_ / "m.pem");
  EXPECT_EQ(Client(misnamed, authority_.root).Get("/ca.pem").status().code(),
            absl::StatusCode::kUnauthenticated);
  const Identity client_certificate = authority_.Client("spiffe://perigee/user/eve");
  const TestServer no_server(client_certificate, authority_.root, directory_ / "c.pem");
  EXPECT_EQ(Client(no_server, authority_.root).Get("/ca.pem").status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(HttpsClientTest, VerifiesAtTheGivenTime) {
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  HttpsClient client = Must(HttpsClient::New({.base_url = server.url(),
                                              .roots_pem = authority_.root.ToPem(),
                                              .verify_at = absl::Now() + absl::Hours(48)}));
  const auto late = client.Get("/ca.pem");
  EXPECT_EQ(late.status().code(), absl::StatusCode::kUnauthenticated) << late.status();
}

TEST_F(HttpsClientTest, BodiesAndSilenceAreBounded) {
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  EXPECT_EQ(Client(server, authority_.root).Get("/large").status().code(),
            absl::StatusCode::kResourceExhausted);
  HttpsClient hasty = Must(HttpsClient::New(
      {.base_url = server.url(), .roots_pem = authority_.root.ToPem(), .timeout = absl::Milliseconds(300)}));
  EXPECT_EQ(hasty.Get("/silent").status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(HttpsClientTest, NobodyThereIsUnavailable) {
  std::string url;
  {
    const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
    url = server.url();
  }
  HttpsClient client = Must(HttpsClient::New({.base_url = url, .roots_pem = authority_.root.ToPem()}));
  const absl::Status status = client.Get("/ca.pem").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(url));
}

TEST_F(HttpsClientTest, TheRootIsTakenByItsHashOnly) {
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  EXPECT_EQ(Must(FetchRootByHash(server.url(), authority_.root.Hash())), authority_.root.ToPem());
  const TestAuthority other;
  const absl::Status refused = FetchRootByHash(server.url(), other.root.Hash()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(authority_.root.Hash()));
  EXPECT_EQ(FetchRootByHash(server.url(), "sha256:12").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpsClientTest, ProxyAndItsExceptions) {
  const TestServer server(authority_.Server(), authority_.root, directory_ / "s.pem");
  setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);  // nobody listens there
  EXPECT_EQ(Client(server, authority_.root).Get("/ca.pem").status().code(), absl::StatusCode::kUnavailable);
  setenv("NO_PROXY", "example.com, 127.0.0.1", 1);
  EXPECT_TRUE(Client(server, authority_.root).Get("/ca.pem").ok());
  setenv("NO_PROXY", "27.0.0.1", 1);
  EXPECT_FALSE(Client(server, authority_.root).Get("/ca.pem").ok());
  for (const char* name : {"HTTPS_PROXY", "NO_PROXY"}) unsetenv(name);
}

TEST_F(HttpsClientTest, BadAddressesAreRefused) {
  const std::string roots = authority_.root.ToPem();
  for (const char* url :
       {"", "http://a:1", "https://", "https://a:0", "https://a:65536", "https://a:1/path", "https://a:x",
        "https://u@a:1", "https://a b", "https://[::1", "https://[::1]x", "https://a?b", "https://a:+1"}) {
    EXPECT_EQ(HttpsClient::New({.base_url = url, .roots_pem = roots}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << url;
  }
  for (const char* url :
       {"https://a", "https://a.example:7443/", "https://[::1]:7443", "https://192.0.2.1:1"}) {
    EXPECT_TRUE(HttpsClient::New({.base_url = url, .roots_pem = roots}).ok()) << url;
  }
  EXPECT_FALSE(HttpsClient::New({.base_url = "https://a", .roots_pem = "nothing"}).ok());
}

}  // namespace
}  // namespace perigee
